"""The tests, by layer; ``tests/rules`` holds the house rules, ``tests/whole`` the behaviours."""
