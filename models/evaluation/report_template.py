"""The page of the evaluation report: one HTML file, nothing loaded from elsewhere."""

from __future__ import annotations

STYLE = """
:root { --ink: #1f2933; --soft: #616e7c; --line: #e4e7eb; --accent: #0b5394; --wash: #f5f7fa; }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: #fff; font: 15px/1.5 system-ui, Helvetica, Arial, sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 28px 24px 60px; }
h1 { font-size: 26px; margin: 0 0 4px; letter-spacing: -0.01em; }
h2 { font-size: 18px; margin: 40px 0 10px; padding-bottom: 6px; border-bottom: 1px solid var(--line); }
p { margin: 8px 0; max-width: 78ch; }
.soft { color: var(--soft); }
.banner { padding: 12px 24px; text-align: center; font-size: 22px; font-weight: 700; color: #fff; }
.banner small { display: block; font-size: 14px; font-weight: 400; letter-spacing: 0; }
.simulated { background: #b45309; }
.permuted { background: #9b1c1c; }
.transductive { background: #5b3a8c; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(165px, 1fr)); gap: 12px; margin: 20px 0 8px; }
.card { background: var(--wash); border-radius: 8px; padding: 12px 16px; }
.card b { display: block; font-size: 28px; line-height: 1.2; color: var(--accent); font-variant-numeric: tabular-nums; }
.card span { font-size: 13px; color: var(--soft); }
table { border-collapse: collapse; margin: 12px 0; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { padding: 5px 12px 5px 0; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { font-weight: 600; color: var(--soft); font-size: 13px; vertical-align: bottom; }
th:first-child, td:first-child, .left { text-align: left; }
tr.main td { font-weight: 600; color: var(--accent); }
tr.single td:first-child { padding-left: 14px; }
td.wrap { white-space: normal; text-align: left; }
.scroll { overflow-x: auto; }
.interval { color: var(--soft); font-size: 13px; font-weight: 400; }
img { max-width: 100%; height: auto; display: block; margin: 10px 0; }
.pair { display: flex; flex-wrap: wrap; gap: 24px; align-items: flex-start; }
.pair figure { flex: 0 1 400px; }
figure { margin: 0; }
figcaption { font-size: 13px; color: var(--soft); }
ul { padding-left: 20px; margin: 8px 0; }
pre { background: var(--wash); padding: 12px 14px; border-radius: 8px; font-size: 12px; overflow-x: auto; }
code { font-size: 12.5px; overflow-wrap: anywhere; }
details { margin: 10px 0; }
summary { cursor: pointer; color: var(--accent); }
@media print { h2 { break-after: avoid; } img, table, .card { break-inside: avoid; } body { font-size: 12px; } }
"""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{{ title }}</title>
<style>{{ style }}</style>
</head>
<body>
{% for kind, large, small in banners %}
<div class="banner {{ kind }}">{{ large }}<small>{{ small }}</small></div>
{% endfor %}
<main>
<h1>{{ title }}</h1>
<p><b>{{ what }}</b></p>
<p class="soft">{{ subtitle }}</p>

<div class="cards">
{% for card in cards %}<div class="card"><b>{{ card.value }}</b>{{ card.name }}<br><span>{{ card.note }}</span></div>
{% endfor %}</div>
<p>{{ reading }}</p>
{% if cautions %}
<ul>{% for line in cautions %}<li>{{ line }}</li>{% endfor %}</ul>
{% endif %}

<h2>Systems under the same folds</h2>
<img src="{{ images.systems }}" alt="UF1 of every system with its 95 % interval">
<div class="scroll"><table>
<tr><th>system</th><th>UF1</th><th>95 %</th><th>UAR</th><th>95 %</th>
<th>accuracy</th><th>95 %</th><th>answered</th></tr>
{% for row in systems %}
<tr class="{{ row.kind }}"><td>{{ row.title }}</td>
{% for name in ("uf1", "uar", "accuracy") %}<td>{{ row[name] | f3 }}</td>
<td class="interval">{{ row.intervals[name] | span }}</td>{% endfor %}
<td>{{ row.answered }} / {{ row.samples }}</td></tr>
{% endfor %}
</table></div>
<p class="soft">A sample to which a system gives no answer, because the modality it reads is missing, counts as wrong.
{% if both_rows %}On the {{ both_rows }} samples that have both modalities:{% endif %}</p>
{% if with_both %}
<div class="scroll"><table>
<tr><th>system, samples with both modalities only</th><th>UF1</th><th>95 %</th><th>UAR</th><th>accuracy</th></tr>
{% for row in with_both %}
<tr class="{{ row.kind }}"><td>{{ row.title }}</td><td>{{ row.uf1 | f3 }}</td>
<td class="interval">{{ row.intervals.uf1 | span }}</td><td>{{ row.uar | f3 }}</td><td>{{ row.accuracy | f3 }}</td></tr>
{% endfor %}
</table></div>
{% endif %}

<h2>Paired differences: emostream less each other system</h2>
{% for rows in comparisons %}
{% if comparisons | length > 1 %}<p><b>{{ rows.title }}</b></p>{% endif %}
<div class="scroll"><table>
<tr><th>less</th><th>UF1</th><th>95 %</th><th>p</th><th>p, Holm</th><th>accuracy</th><th>95 %</th>
<th>only one right</th><th>McNemar p</th></tr>
{% for row in rows.entries %}
<tr><td>{{ row.title }}</td><td>{{ row.uf1.difference | signed }}</td>
<td class="interval">{{ row.uf1.interval | signed_span }}</td>
<td>{{ row.uf1.p | p }}</td><td>{{ row.uf1.p_holm | p }}</td>
<td>{{ row.accuracy.difference | signed }}</td><td class="interval">{{ row.accuracy.interval | signed_span }}</td>
<td>{{ row.mcnemar.only_first }} : {{ row.mcnemar.only_second }}</td>
<td>{{ row.mcnemar.p | p }}</td></tr>
{% endfor %}
</table></div>
{% endfor %}
<p class="soft">Intervals and p by drawing subjects with replacement, both systems on the same draw; Holm's correction
is for the number of rows. The exact McNemar test counts samples as independent, which samples of one person are not: it
is there for comparison with other work.</p>

<h2>Confusion</h2>
<img src="{{ images.confusion }}" alt="Confusion matrices">
<p class="soft">Rows are true classes; samples without an answer are in no cell. The last matrix is that of the
best baseline.</p>

<h2>Subject by subject</h2>
<img src="{{ images.subjects }}" alt="Accuracy of every subject">

{% if images.roc or images.reliability %}
<h2>Ranking and calibration</h2>
<div class="pair">
{% if images.roc %}<figure><img src="{{ images.roc }}" alt="Receiver operating characteristics">
<figcaption>One class against the rest.</figcaption></figure>{% endif %}
{% if images.reliability %}<figure><img src="{{ images.reliability }}" alt="Reliability diagram">
<figcaption>{{ calibrated }}</figcaption></figure>{% endif %}
</div>
{% endif %}

{% if images.learning %}
<h2>Learning curves</h2>
<img src="{{ images.learning }}" alt="Losses over epochs">
<p class="soft">A thin line is a fold, the thick one the median of the folds still training. Held-out
subjects are in neither curve.</p>
{% endif %}

{% if attribution %}
<h2>What the decision rests on</h2>
{% for name, image in attribution %}
<figure><img src="{{ image }}" alt="{{ name }}"><figcaption>{{ name }}</figcaption></figure>
{% endfor %}
{% endif %}

{% if leaks %}
<h2>What leaky protocols would have scored</h2>
<div class="scroll"><table>
<tr><th>support vector machine, {{ leaks.what }}</th><th class="left">test shares with training</th><th>folds</th>
<th>UF1</th><th>UAR</th><th>accuracy</th></tr>
{% for row in leaks.protocols %}
<tr><td>{{ row.protocol }}</td><td class="left">{{ row.leak }}</td><td>{{ row.folds }}</td><td>{{ row.uf1 | f3 }}</td>
<td>{{ row.uar | f3 }}</td><td>{{ row.accuracy | f3 }}</td></tr>
{% endfor %}
</table></div>
<p class="soft">The same classifier on the same {{ leaks.rows }} rows{% if leaks.of > leaks.rows %}, thinned evenly from
{{ leaks.of }}{% endif %}. Only the last line says anything about a person nobody has met; what the others score
above it is the leak.</p>
{% endif %}

<h2>Data</h2>
<img src="{{ images.classes }}" alt="Samples of each class and subject">
<div class="scroll"><table>
<tr><th>class</th>{% for name in classes %}<th>{{ name }}</th>{% endfor %}<th>all</th></tr>
<tr><td>samples</td>{% for name in classes %}<td>{{ class_counts[name] }}</td>{% endfor %}<td>{{ rows.all }}</td></tr>
</table></div>
<p>{{ rows.eeg }} samples have EEG, {{ rows.face }} a facial movement, {{ rows.both }} both.</p>
{% if excluded %}
<p><b>{{ excluded | length }} rows were left out</b>, for these reasons:</p>
<div class="scroll"><table>
<tr><th>rows</th><th class="left">field</th><th class="left">reason</th><th class="left">where</th></tr>
{% for row in excluded_reasons %}
<tr><td>{{ row.count }}</td><td class="left">{{ row.field }}</td><td class="wrap">{{ row.message }}</td>
<td class="wrap">{{ row.where }}</td></tr>
{% endfor %}
</table></div>
{% else %}
<p>No row was left out.</p>
{% endif %}

<h2>Protocol</h2>
<p>{{ protocol_text }}</p>
<div class="scroll"><table>
{% for name, value in facts %}<tr><td>{{ name }}</td><td class="wrap"><code>{{ value }}</code></td></tr>{% endfor %}
</table></div>
<details><summary>Recipe</summary><pre>{{ recipe }}</pre></details>
<details><summary>Folds</summary><div class="scroll"><table>
<tr><th>fold</th><th class="left">held out</th><th class="left">inner validation</th><th>training</th><th>seed</th></tr>
{% for row in folds %}
<tr><td>{{ row.fold }}</td><td class="wrap">{{ row.held_out }}</td><td class="wrap">{{ row.validation }}</td>
<td>{{ row.training }} subjects</td><td>{{ row.seed }}</td></tr>
{% endfor %}
</table></div></details>
</main>
</body>
</html>
"""
