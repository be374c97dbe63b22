"""The screen: PyQt5 and pyqtgraph; reads LSL streams, computes nothing that is kept.

| folder | holds |
|---|---|
| `window` | the main window: panels in docks, header, banner, actions and keys, help, export |
| `start` | the page of streams: what is on the network, what is missing |
| `session` | recording, markers and notes, a replay's bar |
| `tuning` | the panel that tunes a running engine |
| `panels` | what is shown of the signals: `eeg`, `emotion`, `face`, and stream health |
| `streams` | from LSL to records: the contract, decoding, the bridge with its reader threads |
| `present` | another program: the suppression paradigm for a participant, and the flashing screen |
| `annotate` | another program: review of a recording's movements |

`app` opens the dashboard; `application`, `theme` and `settings` are what all of it stands on. Imports point down:
`app` > `window` > `start`, `session`, `tuning` > `panels` > `streams` > `application`, `theme`, `settings`. `present`
knows nothing of the dashboard, `annotate` only `panels`.
"""
