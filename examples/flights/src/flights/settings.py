"""What this project changes in the settings of `incremental`."""

# The file of an environment gives only the parameters that differ, so merge them into those of `base`.
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "base",
    "merge_strategy": {"parameters": "soft"},
}
