"""Language models of transformers in this process: how they are loaded, shared, shown clips and asked."""
