"""What fogbed costs, each figure beside its goal and its anchor measured in the same run."""
