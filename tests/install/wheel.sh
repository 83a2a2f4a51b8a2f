# Sourced: the wheel of the checkout as it is, built from a clean copy of it.

build_wheel() { # build_wheel PYTHON REPO FOLDER: makes FOLDER/hoigen-*.whl
    local source
    source=$(mktemp -d -t hoigen-source.XXXXXX)
    git -C "$2" ls-files -z --cached --others --exclude-standard |
        tar -C "$2" --null --files-from=- --ignore-failed-read -cf - | tar -C "$source" -xf -
    "$1" -m pip --quiet --disable-pip-version-check wheel --no-deps --wheel-dir "$3" "$source"
    rm -rf "$source"
}
