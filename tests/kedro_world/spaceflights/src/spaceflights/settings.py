"""Settings of the project; whatever is not set here is Kedro's default."""

CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
}
