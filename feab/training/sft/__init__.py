"""`method: sft`: supervised fine-tuning of a vision-language model on FEID; TRL, PEFT and accelerate do the training.

Ours is what they have not: any chat template's answers found in the tokens (`speech.py`), sampling weights over tasks
and sources (`order.py`), pictures read one by one from FEID (`talks.py`), held-out faces scored by feab's own scorer
(`heldout.py`, `examine.py`), and resumption to the bit (`checkpoints.py`).
"""
