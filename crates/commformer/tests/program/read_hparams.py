"""Prints as JSON what the HParams tab of TensorBoard shows of the runs in a folder: what tests/program/tensorboard.rs compares."""

import json
import sys

from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.data.provider import ListHyperparametersResult
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.hparams.backend_context import Context
from tensorboard.plugins.hparams.list_session_groups import Handler

folder = sys.argv[1]
events = EventMultiplexer()
events.AddRunsFromDirectory(folder)
events.Reload()
context = Context(TBContext(logdir=folder, data_provider=MultiplexerDataProvider(events, folder)))
request = RequestContext()
found = context.hparams_metadata(request, "")
nothing = ListHyperparametersResult(hyperparameters=[], session_groups=[])
experiment = context.experiment_from_metadata(request, "", True, found, nothing)
statuses = [value for _, value in api_pb2.Status.items()]
groups = Handler(request, context, "", api_pb2.ListSessionGroupsRequest(
    allowed_statuses=statuses, slice_size=100, aggregation_type=api_pb2.AGGREGATION_AVG)).run()


def plain(value):
    """A setting as Python's own."""
    return getattr(value, value.WhichOneof("kind"))


runs = {}
for group in groups.session_groups:
    session, = group.sessions
    assert session.start_time_secs > 1e9, session
    runs[session.name] = {
        "settings": {name: plain(value) for name, value in group.hparams.items()},
        "status": api_pb2.Status.Name(session.status),
        "metrics": {metric.name.tag: metric.value for metric in session.metric_values},
    }
print(json.dumps({
    "runs": runs,
    "differs": sorted(info.name for info in experiment.hparam_infos if info.differs),
}))
