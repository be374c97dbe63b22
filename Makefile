# `make demo` and `make test` set up what they need on a fresh machine; nothing is installed by hand.
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# what Qt's xcb plugin and the off-screen display need (Debian and Ubuntu names)
SYSTEM_PACKAGES := xvfb libgl1 libegl1 libdbus-1-3 libfontconfig1 fonts-dejavu-core libxkbcommon-x11-0 libxcb-icccm4 \
	libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 libxcb-shape0 libxcb-xinerama0 libxcb-xkb1 libxcb-xfixes0 \
	libxcb-sync1 libx11-xcb1 libglib2.0-0 libpulse-mainloop-glib0

.PHONY: help demo test check bench setup system model clean
.DEFAULT_GOAL := help


help:
	@echo "make demo   simulated participant -> LSL -> engine -> dashboard (text view without a display)"
	@echo "make test   the whole test suite"
	@echo "make check  lint, types, import contracts"
	@echo "make bench  measure on this machine"
	@echo "make model  rebuild the shipped weights (about half an hour on 2 cores)"

demo: setup
	$(BIN)/emostream demo $(ARGS)

test: setup
	$(BIN)/python -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile $(ARGS)

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

bench: setup
	$(BIN)/python -m benchmarks $(ARGS)

model: setup
	$(BIN)/emostream train --simulated $(ARGS)

setup: system $(READY)

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || python3 -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[train,cluster,record,headset,camera,analyze,privacy,curry,mne-live,dev]"
	$(BIN)/python -m realtime.face.weights
	touch $@

# Debian packages where this user may install them, else one line that says what to ask for
system:
	@missing=$$(for p in $(SYSTEM_PACKAGES); do dpkg -s $$p >/dev/null 2>&1 || printf '%s ' $$p; done); \
	if [ -z "$$missing" ] || ! command -v apt-get >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ]; then apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	else echo "for the dashboard: sudo apt-get install $$missing" >&2; fi

clean:
	rm -rf $(VENV) build *.egg-info
