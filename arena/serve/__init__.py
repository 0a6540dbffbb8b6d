"""Serving policies over HTTP: for programs of one's own, and for clients of the open inference protocol (KServe, Triton).

=================================================  ==========================================================
Which policies are served?                         `models.py`: `Models`
How do requests become batches?                    `batching.py`: `Batcher`
What is a request, and what is refused?            `messages.py`
What is limited?                                   `limits.py`: `Limits`
What is counted?                                   `metrics.py`
Which addresses are there?                         `app.py`: `make_app`, with Starlette
Who listens?                                       `server.py`: `serve`, with uvicorn
=================================================  ==========================================================
"""
