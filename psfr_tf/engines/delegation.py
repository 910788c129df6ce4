"""Which operations of a LiteRT file a delegate runs."""

from typing import Any


def delegation(interpreter: Any) -> tuple[int, list[str]]:
    """Delegate partitions, and the operations that run outside them.

    A runtime replaces parts of the graph by DELEGATE operations but still lists the replaced ones.
    What runs is what the outputs need: from them back to the inputs, each tensor is made by a
    delegate if one offers it, else by the file's own operation.

    Args:
        interpreter: of ai-edge-litert, tflite-runtime or tf.lite, after `allocate_tensors`.

    Returns:
        The number of partitions, and the names of the operations outside, in the file's order.
    """
    operations = interpreter._get_ops_details()
    delegates = [op for op in operations if op["op_name"] == "DELEGATE"]
    own = [op for op in operations if op["op_name"] != "DELEGATE"]
    maker = {tensor: op for op in own + delegates for tensor in op["outputs"]}
    needed = [detail["index"] for detail in interpreter.get_output_details()]
    seen, running = set(needed), {}
    while needed:
        operation = maker.get(needed.pop())
        if operation is None:  # An input of the file, or a constant.
            continue
        running[operation["index"]] = operation
        new = set(map(int, operation["inputs"])) - seen
        seen |= new
        needed += new
    outside = [op["op_name"] for op in own if op["index"] in running]
    return len(delegates), outside
