"""PLLaVA: LLaVA v1.6 that sees a video as the frames' patches, averaged over time and space to a fixed number.

The paper's caption expert; transformers does not have it. Built on the CLIP and Llama of transformers.

What is published (ermu2001/pllava-7b, -13b; their authors' loading code and its logs say so): one checkpoint of full
weights in which the language model is wrapped by its LoRA adapters (`language_model.base_model.model...`,
`q_proj.base_layer.weight`, `q_proj.lora_A.default.weight`), rank 128 on q_proj and v_proj. They answer with
lora_alpha 4, an eighth of what was trained with. Here the adapters are added to the weights while loading.

Source: Xu et al., PLLaVA, arXiv 2404.16994; github.com/magic-research/PLLaVA, models/pllava and tasks/eval.
"""
