"""Prints as JSON what TensorBoard's own reader finds in an event folder: what tests/program/tensorboard.rs compares."""

import io
import json
import sys

from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray


def pixels(event):
    """An image's sides as they are declared, and its pixels in rows of red, green and blue."""
    image = Image.open(io.BytesIO(event.encoded_image_string)).convert("RGB")
    assert image.size == (event.width, event.height), (image.size, event)
    flat = list(image.tobytes())
    row = 3 * event.width
    return [[flat[at:at + 3] for at in range(y * row, (y + 1) * row, 3)] for y in range(event.height)]


# 0: keep all events, where TensorBoard would show a choice of them.
reader = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0, "images": 0, "tensors": 0})
reader.Reload()
tags = reader.Tags()
text = reader.PluginTagToContent("text")
print(json.dumps({
    "scalars": {tag: [[event.step, event.value] for event in reader.Scalars(tag)] for tag in tags["scalars"]},
    "images": {tag: [[event.step, pixels(event)] for event in reader.Images(tag)] for tag in tags["images"]},
    "texts": {tag: [make_ndarray(event.tensor_proto).item().decode() for event in reader.Tensors(tag)]
              for tag in text},
}))
