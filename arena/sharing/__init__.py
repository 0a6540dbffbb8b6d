"""Sharing: policies leave as one archive with a card for people, and come in from one.

=================================================  ==========================================================
What is in an archive, and who writes it?          `pack.py`: `write_pack`
Who takes policies from one?                       `unpack.py`: `unpacked`
What does the card say?                            `card.py`: `model_card`
=================================================  ==========================================================
"""
