"""What `model.json` says, inside the `.tflite` too: a file that is passed on alone explains itself.

Written with the flatbuffer schema that the interpreter's package carries; the model's input
signature stays as it is.
"""

from __future__ import annotations

import json
from typing import Any

from har.runtime.interpreter import METADATA


def embed(content: bytes, manifest: dict[str, Any]) -> bytes:
    """A copy of a `.tflite` file that carries a manifest (and replaces one that it had)."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content, 0)
    text = json.dumps(manifest, ensure_ascii=False, sort_keys=True, allow_nan=False).encode()
    entries = model.metadata or []
    entry = next((m for m in entries if _text(m.name) == METADATA), None)
    if entry is None:
        entry = schema.MetadataT()
        entry.name = METADATA
        entry.buffer = len(model.buffers)
        model.buffers.append(schema.BufferT())
        model.metadata = [*entries, entry]
    model.buffers[entry.buffer].data = list(text)
    builder = flatbuffers.Builder(len(content) + len(text))
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
