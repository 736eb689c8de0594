"""Has onnxruntime run the ONNX models that `TreeEnsemble::to_onnx` writes, and compares with our numbers.

    QOSGUARD_ONNX=folder cargo test --test tree_import -- --ignored write_onnx
    python onnx_check.py folder

Margins must be equal to the last bit in f64 on one thread. Where they are, the model that
`tests/tree_import.rs` compares with is copied into the folder of this script. Made with onnxruntime 1.31.1.
"""

import json
import pathlib
import shutil
import sys

import numpy as np
import onnxruntime

folder, here = pathlib.Path(sys.argv[1]), pathlib.Path(__file__).parent
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
checked = 0
for path in sorted(folder.glob("*.onnx")):
    expected = json.loads(path.with_suffix(".json").read_text())
    x = np.array([[np.nan if v is None else v for v in row] for row in expected["x"]], np.float32)
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    for batch in (len(x), 1):
        parts = [session.run(None, {"x": x[i : i + batch]}) for i in range(0, len(x), batch)]
        margins, probabilities = (np.concatenate(out) for out in zip(*parts, strict=False))
        wrong = np.flatnonzero((margins != np.array(expected["margins"], float)).any(axis=1))
        assert not wrong.size, f"{path.stem}: margins of rows {wrong} differ"
        np.testing.assert_allclose(probabilities, np.array(expected["probabilities"], float), rtol=0, atol=1e-12)
    names = session.get_modelmeta().custom_metadata_map
    assert len(json.loads(names["classes"])) == probabilities.shape[1]
    checked += 1
    print(f"{path.stem}: {len(x)} rows equal")
assert checked, "no models"
shutil.copy(folder / "lightgbm_categories.onnx", here)
