"""Policies: one ONNX file each, played without the framework that trained them; checked, evaluated and exported."""
