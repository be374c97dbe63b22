"""The look of the report: light and dark, wide and narrow, on screen and on paper.

Text reaches 4.5 : 1 and lines 3 : 1 on their ground in both themes; nothing is told by hue alone.

References
----------
Okabe and Ito (2008), "Color Universal Design": the hues, darkened for a light ground and lightened for a dark one.
"""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark;
  --ink: #1f2933; --soft: #55616e; --line: #dfe4ea; --axis: #7b8794; --ground: #fff; --wash: #f4f6f9;
  --accent: #0b5394;
  --good: #08704a; --bad: #b4232a; --warn: #8a4b00; --shade: .13; --heat: 11, 83, 148;
  --c0: #0072b2; --c1: #a65600; --c2: #6f6300; --c3: #00735a; --c4: #a03f80; --c5: #bd3a05; --c6: #4a4f57;
  --c7: #4b4bd6; }
@media screen and (prefers-color-scheme: dark) { :root {
  --ink: #e8ecf1; --soft: #a7b2c0; --line: #2c3541; --axis: #8793a1; --ground: #0f1318; --wash: #181e26;
  --accent: #6cc0f5;
  --good: #5bd0a0; --bad: #ff8078; --warn: #f2b84b; --shade: .2; --heat: 108, 192, 245;
  --c0: #56b4e9; --c1: #f0a52e; --c2: #f0e442; --c3: #35c89f; --c4: #e08fc4; --c5: #f4774b; --c6: #cfd4dc;
  --c7: #9ba6ff; } }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; }
body { margin: 0; color: var(--ink); background: var(--ground);
  font: 15px/1.55 system-ui, Helvetica, Arial, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 26px 24px 60px; }
h1 { font-size: 27px; line-height: 1.2; margin: 0 0 6px; letter-spacing: -0.01em; }
h2 { font-size: 19px; margin: 44px 0 8px; padding-bottom: 6px; border-bottom: 1px solid var(--line); }
h3 { font-size: 15px; margin: 22px 0 6px; }
p { margin: 8px 0; max-width: 80ch; }
a { color: var(--accent); }
.soft, figcaption { color: var(--soft); font-size: 13.5px; }
.lead { font-size: 17px; line-height: 1.6; max-width: 78ch; margin: 18px 0; }
.banner { padding: 12px 24px; text-align: center; font-size: 23px; font-weight: 700; letter-spacing: .06em;
  color: #fff; }
.banner small { display: block; font-size: 14px; font-weight: 400; letter-spacing: 0; }
.simulated { background: #a04607; }
.demonstration { background: #5b3a8c; }
nav { display: flex; flex-wrap: wrap; gap: 4px 16px; margin: 16px 0 0; font-size: 14px; }
dl.facts { display: grid; grid-template-columns: max-content 1fr; gap: 2px 18px; margin: 12px 0; }
dl.facts dt { color: var(--soft); }
dl.facts dd { margin: 0; overflow-wrap: anywhere; min-width: 0; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 18px 0 8px; }
.card { background: var(--wash); border-radius: 8px; padding: 11px 15px; }
.card b { display: block; font-size: 26px; line-height: 1.25; color: var(--accent);
  font-variant-numeric: tabular-nums; }
.card span { font-size: 13px; color: var(--soft); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: 12px 0; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { padding: 5px 12px 5px 0; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { font-weight: 600; color: var(--soft); font-size: 13px; vertical-align: bottom; }
th:first-child, td:first-child, .left { text-align: left; }
td small { display: block; font-size: 12px; line-height: 1.2; }
td.wrap { white-space: normal; text-align: left; min-width: 16ch; }
.yes { color: var(--good); } .no { color: var(--bad); }
ul { padding-left: 20px; margin: 8px 0; max-width: 84ch; } li { margin: 5px 0; }
code { font-size: 12.5px; overflow-wrap: anywhere; }
.box { border-left: 4px solid var(--warn); background: var(--wash); padding: 8px 16px; border-radius: 0 8px 8px 0;
  margin: 12px 0; }

.chart { margin: 14px 0 20px; position: relative; }
.track { display: grid; grid-template-columns: 118px 1fr; margin-bottom: 5px; }
.track > .name { font-size: 13px; line-height: 1.25; padding: 2px 34px 0 0; position: relative; }
.track > .name b { font-weight: 600; } .track > .name small { display: block; font-weight: 400; color: var(--soft);
  font-size: 11.5px; }
.scale { position: absolute; right: 6px; top: 0; bottom: 0; font-size: 11px; color: var(--soft); }
.scale i { position: absolute; right: 0; font-style: normal; line-height: 1; white-space: nowrap; }
.plot { position: relative; overflow: hidden; background: var(--wash); touch-action: pan-y; }
.plot > svg { position: absolute; inset: 0; width: 100%; height: 100%; display: block; }
.plot path, .plot rect { vector-effect: non-scaling-stroke; }
.time { position: relative; height: 18px; font-size: 11.5px; color: var(--soft); overflow: hidden; }
.time i { position: absolute; font-style: normal; transform: translateX(-50%); white-space: nowrap; }
.time i:first-child { transform: none; } .time i.end { transform: translateX(-100%); }
.grid { stroke: var(--line); stroke-width: 1; fill: none; }
.chance { stroke: var(--axis); stroke-width: 1; stroke-dasharray: 1 4; fill: none; }
.span { opacity: var(--shade); fill: var(--axis); }
.span.rest, .span.baseline { opacity: .1; } .span.pause { opacity: .35; }
.coarse { image-rendering: pixelated; }
.edge { stroke: #fff; stroke-width: 1; stroke-dasharray: 3 3; opacity: .75; fill: none; }
.line { fill: none; stroke-width: 1.6; stroke-linejoin: round; stroke-linecap: round; }
.band { stroke: none; opacity: .18; }
.conf, .seen { fill: var(--accent); stroke: var(--accent); } .band.conf { opacity: .25; } .line.conf { fill: none; }
.seen { opacity: .35; stroke: none; } .bad { fill: var(--bad); opacity: .7; }
.motion { fill: var(--axis); opacity: .4; } .used-eeg { fill: var(--accent); } .used-face { fill: var(--warn); }
.stem { stroke: var(--axis); stroke-width: 1.2; fill: none; }
.label { position: absolute; top: 0; bottom: 0; overflow: hidden; white-space: nowrap; padding: 4px 0 0 3px;
  font-size: 12px; line-height: 18px; border-left: 1px solid var(--axis); color: var(--ink); text-decoration: none; }
.label b { font-weight: 600; } .label { container-type: inline-size; }
@container (max-width: 44px) { .label span { display: none; } }
.label.quiet { color: var(--soft); font-style: italic; border-left-style: dotted; }
.mark { position: absolute; width: 11px; height: 11px; margin: 0 0 -5.5px -5.5px; border-radius: 50%;
  border: 2px solid var(--c5);
  background: var(--ground); display: block; }
.mark.micro { background: var(--c5); } .mark.macro { border-radius: 2px; border-color: var(--c0);
  background: var(--c0); }
.mark.rejected { background: var(--ground); opacity: .8; }
.mark.accepted { outline: 2px solid var(--good); outline-offset: 2px; }
.mark.added { border-color: var(--good); transform: rotate(45deg); border-radius: 1px; }
.mark.note { border-color: var(--ink); background: var(--ink); width: 3px; border-width: 0; height: 18px;
  margin: 0 0 -9px -1px; border-radius: 0; }
.mark.reset { border-color: var(--bad); background: var(--bad); border-radius: 0; transform: rotate(45deg); }
.legend { display: flex; flex-wrap: wrap; gap: 2px 18px; font-size: 13px; margin: 6px 0 10px 118px;
  align-items: center; }
.legend.flush { margin-left: 0; }
.legend svg { width: 34px; height: 10px; vertical-align: middle; margin-right: 6px; }
.legend .mark { position: static; display: inline-block; margin: 0 6px 0 0; vertical-align: -1px; }
.bar { display: none; gap: 6px; align-items: center; margin: 0 0 6px 118px; font-size: 13px; min-height: 30px;
  flex-wrap: wrap; }
.live .bar { display: flex; }
button { font: inherit; color: var(--ink); background: var(--wash); border: 1px solid var(--axis);
  border-radius: 6px; padding: 2px 10px; cursor: pointer; }
button:disabled { opacity: .5; cursor: default; }
.readout { color: var(--ink); font-variant-numeric: tabular-nums; }
.live .plot { cursor: crosshair; }
.hair { position: absolute; top: 0; bottom: 0; width: 1px; background: var(--ink); pointer-events: none;
  display: none; }
.grip { position: absolute; top: 0; bottom: 0; background: var(--accent); opacity: .25; pointer-events: none;
  display: none; }
.swatch { display: inline-block; width: 14px; height: 10px; background: var(--axis); opacity: .4; margin-right: 6px; }
.colours { display: inline-block; width: 120px; height: 10px; vertical-align: middle; margin: 0 6px;
  border-radius: 2px; }

.events { display: grid; grid-template-columns: repeat(auto-fill, minmax(310px, 1fr)); gap: 16px; margin: 16px 0; }
.event { background: var(--wash); border-radius: 10px; padding: 12px; }
.event:target { outline: 3px solid var(--accent); }
.event header { display: flex; justify-content: space-between; gap: 8px; font-size: 14px; margin-bottom: 8px; }
.event .trio { display: grid; grid-template-columns: repeat(3, 1fr); gap: 6px; }
.event figure { margin: 0; position: relative; background: #111; border-radius: 4px; overflow: hidden;
  aspect-ratio: 1; }
.event figure img, .event figure svg { position: absolute; inset: 0; width: 100%; height: 100%; display: block; }
.event figure figcaption { position: absolute; left: 0; bottom: 0; font-size: 11px; color: #fff;
  background: rgba(0, 0, 0, .72); padding: 0 5px; border-radius: 0 4px 0 0; }
.event .arrow { stroke: #111; stroke-width: 3.4; fill: none; opacity: .75; }
.event .arrow.front { stroke: #fff; stroke-width: 1.5; opacity: 1; }
.event p { margin: 8px 0 0; font-size: 13.5px; }
.flick img + img { opacity: 0; }
.flick:hover img + img, .flick:focus img + img { animation: flick .9s steps(1) infinite; }
@keyframes flick { 0% { opacity: 0; } 50% { opacity: 1; } }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; }
.flick:hover img + img { animation-duration: 3s; } }
.tag { display: inline-block; border: 1px solid currentColor; border-radius: 10px; padding: 0 8px; font-size: 12px;
  line-height: 18px; }

.maps td, .maps th { text-align: center; border: 0; padding: 3px 8px; vertical-align: middle; }
.maps td:first-child { text-align: left; padding-right: 14px; }
.maps svg { width: 104px; height: 104px; display: block; margin: 0 auto; }
.maps small { color: var(--soft); font-size: 11.5px; display: block; }
.heat td, .heat th { padding: 4px 10px; } .heat th + th { text-align: center; }
.heat td.cell { text-align: center; border: 2px solid var(--ground); min-width: 64px; position: relative; }
.heat td.answer { font-weight: 700; box-shadow: inset 0 0 0 2px var(--ink); }
.heat .shown, .heat .said { margin-left: 3px; }
.pair { display: flex; flex-wrap: wrap; gap: 12px 48px; align-items: flex-start; }
.pair .map svg { width: 210px; height: 210px; display: block; }
.meter { display: inline-block; width: 130px; height: 10px; background: var(--line); vertical-align: middle;
  margin-right: 8px; }
.meter i { display: block; height: 100%; background: var(--bad); }
.stamp { display: none; }
@media (max-width: 700px) {
  main { padding: 18px 14px 40px; } h1 { font-size: 22px; } .lead { font-size: 16px; }
  .track { grid-template-columns: 28px 1fr; } .track > .name { display: contents; }
  .track > .name > b { grid-column: 1 / -1; font-weight: 400; padding-left: 28px; }
.track > .name small { display: inline; margin-left: 6px; }
  .scale { position: relative; right: auto; grid-column: 1; margin-right: 5px; } .plot { grid-column: 2; }
  .legend, .bar { margin-left: 0; } dl.facts { grid-template-columns: 1fr; } dl.facts dd { margin-bottom: 6px; }
  .maps svg { width: 50px; height: 50px; } .maps td, .maps th { padding: 3px 2px; white-space: normal; }
  .maps small { font-size: 10.5px; }
}
@media print {
  body { font-size: 11.5px; } main { max-width: none; padding: 0; } nav, .bar { display: none !important; }
  h2, h3 { break-after: avoid; } .chart, .event, .card, tr { break-inside: avoid; }
  .banner, .plot, .plot *, .card, .event, .heat td, .colours, .meter, .meter i, .mark { print-color-adjust: exact;
  -webkit-print-color-adjust: exact; }
  .stamp { display: block; position: fixed; right: 0; bottom: 0; font-size: 10px; font-weight: 700; color: #a04607; }
  .events { grid-template-columns: repeat(2, 1fr); }
}
"""

_DASHES = ("", "7 4", "1.5 4", "9 4 1.5 4", "9 3 1.5 3 1.5 3", "14 4", "4 3", "2 2")


def class_styles() -> str:
    """A hue and a line style for each class of the model."""
    rules = []
    for index, dashes in enumerate(_DASHES):
        dash = f" stroke-dasharray: {dashes};" if dashes else ""
        rules.append(f".c{index} {{ stroke: var(--c{index}); }} .line.c{index} {{{dash} }}")
        rules.append(f".band.c{index}, .span.h{index} {{ fill: var(--c{index}); }}")
    return "\n".join(rules)
