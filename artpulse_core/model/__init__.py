"""A model as files: bundle, predictor, golden answers. numpy and ONNX Runtime only."""
