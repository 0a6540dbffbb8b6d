"""Conversion: a model that was trained elsewhere becomes a checked policy file.

=================================================  ==========================================================
A PyTorch module?                                  `torch_models.py`: `from_torch`
A Keras model?                                     `keras_models.py`: `from_keras`
A TensorFlow function, a SavedModel?               `tensorflow_functions.py`: `from_tf_function`
A model of Stable-Baselines3?                      `sb3_models.py`: `from_sb3`
A JAX function?                                    `jax_functions.py`: `from_jax`
An ONNX file of another form?                      `onnx_files.py`: `from_onnx`
What is written, and how is it checked?            `conversion.py`
=================================================  ==========================================================

Each walks the layers or operations of the model and writes them with the operators that policy files may have. No converter is involved. No
framework is imported before the caller has imported it. What cannot be written is refused by name.
"""
