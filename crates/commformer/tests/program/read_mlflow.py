"""Prints as JSON what a tracking server of MLflow holds of an experiment: what tests/program/tracking.rs compares."""

import json
import sys
from pathlib import Path

from mlflow import MlflowClient

client = MlflowClient()
experiment = client.get_experiment_by_name(sys.argv[1])
runs = []
for run in client.search_runs([experiment.experiment_id]):
    copy = run.info.run_id
    folder = Path(client.download_artifacts(copy, "."))
    runs.append({
        "name": run.info.run_name,
        "status": run.info.status,
        "settings": run.data.params,
        "metrics": {name: [[point.step, point.value] for point in client.get_metric_history(copy, name)]
                    for name in run.data.metrics},
        "files": {path.name: path.read_text("utf-8") for path in folder.iterdir()},
    })
print(json.dumps(runs))
