"""What a network that was made for faces tells a vision language model: EMO-LLaMA's Face Info Mining.

A face network, frozen, gives landmarks, face shapes and, where it has one, an embedding of the whole face (`networks`,
`reading`). A small module that is learnt (`miner`) makes a few tokens of them, which the layers of any language model
of transformers read beside the tokens of the picture (`attach`). Its configuration lies in an adapter's folder
(`config`), its weights among the adapter's.
"""
