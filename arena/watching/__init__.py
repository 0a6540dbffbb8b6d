"""Watching policies play: in a window, or as a video.

=================================================  ==========================================================
What is seen at each env step?                     `episode.py`: `Moment`
How is it drawn?                                   `panes.py`: panes with an overlay, side by side
Who writes videos?                                 `video.py`: MP4, WebP and GIF
Who shows a window?                                `window.py`
=================================================  ==========================================================
"""
