"""How numbers are written where Django's own answer does not serve: FORMAT_MODULE_PATH."""
