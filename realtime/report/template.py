"""The page: one HTML file, nothing loaded from elsewhere; what may be absent leaves no frame behind."""

from __future__ import annotations

MACROS = """
{% macro mark(css, text) %}<span><span class="mark {{ css }}"></span>{{ text }}</span>{% endmacro %}

{% macro moment(start, end, text) %}
<a href="#timeline" data-from="{{ '%.2f' % start }}" data-to="{{ '%.2f' % end }}">{{ text }}</a>
{% endmacro %}

{% macro facts(rows) %}
<dl class="facts">{% for name, value in rows %}<dt>{{ name }}</dt><dd>{{ value }}</dd>{% endfor %}</dl>
{% endmacro %}

{% macro colours(gradient) %}<span class="colours" style="background:{{ gradient }}"></span>{% endmacro %}

{% macro chart(one, controls=False) %}
<div class="chart" data-duration="{{ '%.3f' % one.duration_s }}" role="group" aria-label="{{ one.alt }}">
{% if controls %}
<div class="bar"><button type="button" data-act="in">zoom in</button>
<button type="button" data-act="out">zoom out</button>
<button type="button" data-act="left" aria-label="earlier">◀</button>
<button type="button" data-act="right" aria-label="later">▶</button>
<button type="button" data-act="whole" data-whole disabled>whole session</button>
<span class="readout">drag to zoom, point to read</span></div>
{% endif %}
{% for track in one.tracks %}
<div class="track">
<div class="name"><b>{{ track.name }}{% if track.note %} <small>{{ track.note }}</small>{% endif %}</b>
<div class="scale" style="height:{{ track.height_px }}px">{% for share, text in track.scale %}
<i style="bottom:{{ '%.1f' % (100 * share) }}%;transform:translateY({{ '%.0f' % (100 * share) }}%)">{{ text }}</i>
{% endfor %}</div></div>
<div class="plot" style="height:{{ track.height_px }}px">
<svg viewBox="0 0 {{ '%.3f' % one.duration_s }} 100" preserveAspectRatio="none" aria-hidden="true">
{{ track.svg | safe }}</svg>
{% for l in track.labels %}
<div class="label {{ l.css }}" data-a="{{ '%.2f' % l.start_s }}" data-b="{{ '%.2f' % l.end_s }}"
 title="{{ l.short }} {{ l.more }}" style="left:{{ '%.3f' % (100 * l.start_s / one.duration_s) }}%;
 width:{{ '%.3f' % (100 * (l.end_s - l.start_s) / one.duration_s) }}%">
{%- if l.short %}<b>{{ l.short }}</b> {% endif %}<span>{{ l.more }}</span></div>
{% endfor %}
{% for m in track.marks %}
<{% if m.href %}a href="{{ m.href }}" aria-label="{{ m.title }}"{% else %}span{% endif %} class="mark {{ m.css }}"
 title="{{ m.title }}" data-t="{{ '%.3f' % m.time_s }}" style="left:{{ '%.3f' % (100 * m.time_s / one.duration_s) }}%;
 bottom:{{ '%.1f' % (100 * m.share) }}%"></{{ 'a' if m.href else 'span' }}>
{% endfor %}
</div></div>
{% endfor %}
<div class="track"><div></div><div class="time">
{% for at, text in one.ticks %}
<i style="left:{{ '%.3f' % at }}%"{% if at > 97 %} class="end"{% endif %}>{{ text }}</i>
{% endfor %}
</div></div>
</div>
{% endmacro %}

{% macro legend(classes) %}
<div class="legend">{% for name in classes %}
<span><svg viewBox="0 0 34 10" aria-hidden="true"><path class="line c{{ loop.index0 % 8 }}" d="M0 5H34"/></svg>
{{- name }}</span>
{% endfor %}</div>
{% endmacro %}

{% macro event(e, side, trials, overview) %}
<article class="event" id="movement-{{ e.movement.number }}">
<header><span><b>{{ e.movement.number }}</b> ·
{% if overview %}{{ moment(e.movement.onset_s - 2, e.movement.offset_s + 2, e.movement.apex_s | clock1) }}
{% else %}{{ e.movement.apex_s | clock1 }}
{% endif %}
{% if e.status %}<span class="tag {{ 'yes' if e.status == 'accepted' else 'no' }}">{{ e.status }}</span>{% endif %}
</span><span>{{ e.movement.kind }} · score {{ '%.1f' % e.movement.score }}</span></header>
<div class="trio">
{% if e.pictures.onset %}
<figure><img src="{{ e.pictures.onset }}" alt="Face at onset"><figcaption>onset</figcaption></figure>
{% endif %}
{% if e.pictures.apex %}
<figure class="flick" tabindex="0"><img src="{{ e.pictures.apex }}" alt="Face at apex">
{% if e.pictures.onset %}<img src="{{ e.pictures.onset }}" alt="">{% endif %}<figcaption>apex</figcaption></figure>
{% endif %}
{% if e.pictures.flow %}
<figure><img src="{{ e.pictures.flow }}" alt="Where the face moved">
<svg viewBox="0 0 {{ side }} {{ side }}" aria-hidden="true"><path class="arrow" d="{{ e.pictures.arrows }}"/>
<path class="arrow front" d="{{ e.pictures.arrows }}"/></svg>
<figcaption>flow {{ '%.2f' % e.pictures.strongest_px }} px</figcaption></figure>
{% endif %}
</div>
<p>{{ e.movement.regions | map('region') | join(', ') or 'no region' }}.
Onset to apex {{ '%.0f' % e.rise_ms }} ms, to offset {{ '%.0f' % e.length_ms }} ms.
{% if e.trial %}
Trial {{ e.trial.number }}{% if e.trial.emotion %}, {{ e.trial.emotion }}{% endif %}.
{% elif trials %}
In no trial.
{% endif %}
{% if e.coded %}Coder: {{ e.coded }}.{% endif %}</p>
</article>
{% endmacro %}

{% macro event_table(rows, trials, review) %}
<div class="scroll"><table>
<tr><th>no.</th><th>onset</th><th>apex</th><th>offset</th><th class="left">kind</th><th>score</th>
<th class="left">regions, strongest first</th>{% if trials %}<th class="left">trial</th>{% endif %}
{% if review %}<th class="left">review</th>{% endif %}</tr>
{% for e in rows %}
<tr><td>{{ e.movement.number }}</td><td>{{ e.movement.onset_s | clock2 }}</td><td>{{ e.movement.apex_s | clock2 }}</td>
<td>{{ e.movement.offset_s | clock2 }}</td><td class="left">{{ e.movement.kind }}</td>
<td>{{ '%.1f' % e.movement.score }}</td><td class="wrap">{{ e.movement.regions | map('region') | join(', ') }}</td>
{% if trials %}
<td class="left">{% if e.trial %}{{ e.trial.number }} {{ e.trial.emotion }}{% else %}–{% endif %}</td>
{% endif %}
{% if review %}
<td class="wrap">{{ e.status or 'undecided' }}{% if e.coded %}: {{ e.coded }}{% endif %}</td>
{% endif %}
</tr>
{% endfor %}
</table></div>
{% endmacro %}
"""

_HEAD = """{% import "macros" as draw %}<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline';
 script-src '{{ script_hash }}'">
<title>{{ title }}</title>
<style>{{ style | safe }}</style>
</head>
<body>
{% for kind, large, small in banners %}
<div class="banner {{ kind }}">{{ large }}<small>{{ small }}</small></div>
{% endfor %}
<div class="stamp">{% for _, large, _ in banners %}{{ large }} · {% endfor %}{{ title }}</div>
<main>
<header>
<h1>{{ title }}</h1>
{{ draw.facts(heading) }}
</header>
<section id="findings">
<p class="lead">{{ findings }}</p>
<div class="cards">{% for card in cards %}
<div class="card"><b>{{ card.value }}</b>{{ card.name }}{% if card.note %}<br><span>{{ card.note }}</span>{% endif %}
</div>
{% endfor %}</div>
{% if warnings %}
<div class="box"><b>{{ warnings | length }} warning{{ 's' if warnings | length > 1 }}</b>
<ul>{% for line in warnings %}<li>{{ line }}</li>{% endfor %}</ul></div>
{% endif %}
<nav aria-label="sections">{% for anchor, name in sections %}<a href="#{{ anchor }}">{{ name }}</a>{% endfor %}</nav>
</section>
"""

_TIMELINE = """
{% if overview %}
<section id="timeline">
<h2>Over the session</h2>
{% if has_answers %}{{ draw.legend(classes) }}{% endif %}
{{ draw.chart(overview, controls=True) }}
{% if has_answers %}
<p class="soft">Lines: the probability of each emotion, after calibration, wherever the model had evidence; a gap is a
time without any. Trials are shaded in the hue of their stimulus' emotion; the dotted line is an even guess.
{% if thinned %}The session is longer than the screen: lines are means, and the band around each reaches from the least
to the largest value.{% endif %} Confidence is 1 − normalised entropy.</p>
{% endif %}
{% if events %}
<div class="legend flush">{{ draw.mark("micro", "micro-movement, candidate") }}
{{ draw.mark("macro", "macro-expression, candidate") }}
{% if has_motion %}<span><span class="swatch"></span>motion of the region that moves most</span>{% endif %}
{% if review %}{{ draw.mark("micro accepted", "accepted by the coder") }}{{ draw.mark("micro rejected", "rejected") }}
{{ draw.mark("added", "added by the coder") }}{% endif %}</div>
{% endif %}
</section>
{% endif %}
"""

_MOVEMENTS = """
{% if events or (review and review.added) %}
<section id="movements">
<h2>Movements of the face: candidates</h2>
<p>Peaks of motion that rise above the person's own noise and return. The score is the peak in multiples of that noise;
shorter than half a second is called micro.
{% if review %}Decisions are those of '{{ review.name }}'.{% else %}Nobody has reviewed them: 'emostream annotate' opens
them frame by frame.{% endif %}</p>
{% if pictured %}
<div class="events">{% for e in pictured %}{{ draw.event(e, side, trials, overview) }}{% endfor %}</div>
<p class="soft">{% if events | length > pictured | length %}The {{ pictured | length }} of the highest score; the table
has all. {% endif %}{% if faces %}Point at an apex to see it change with its onset.{% else %}Faces were left out of this
report.{% endif %} Flow is dense optical flow from onset to apex on the aligned 256 px face, head motion removed: orange
where it is strong; arrows enlarged, the longest for the distance told (eyelids may move more).</p>
{% endif %}
{% if events %}
<details{% if events | length <= 12 %} open{% endif %}>
<summary>{% if events | length > 1 %}All {{ events | length }} as a table{% else %}As a table{% endif %}</summary>
{{ draw.event_table(table_events, trials, review) }}
{% if events | length > table_events | length %}
<p class="soft">The first {{ table_events | length }}; movements.csv has all.</p>
{% endif %}
</details>
{% endif %}
{% if review and review.added %}
<h3>Added by the coder</h3>
<div class="scroll"><table>
<tr><th>onset</th><th>apex</th><th>offset</th><th class="left">kind</th><th class="left">coded</th></tr>
{% for row in review.added %}
<tr><td>{{ row.onset_s | clock2 }}</td><td>{{ row.apex_s | clock2 }}</td><td>{{ row.offset_s | clock2 }}</td>
<td class="left">{{ row.kind }}</td>
<td class="wrap">{{ [row.action_units, row.label, row.comment] | select | join(', ') or '–' }}</td></tr>
{% endfor %}
</table></div>
{% endif %}
</section>
{% endif %}
"""

_EEG = """
{% if maps %}
<section id="scalp">
<h2>Band power on the scalp</h2>
<div class="scroll"><table class="maps">
<tr><th></th>{% for name, low, high in maps.bands %}
<th>{{ name }}<small>{{ '%g' % low }}–{{ '%g' % high }} Hz</small></th>
{% endfor %}</tr>
<tr><td>{{ maps.session.title }}<small>{{ maps.session.note }}</small></td>
{% for svg in maps.session.maps %}
<td>{{ svg | safe }}<small>{{ maps.session.scales[loop.index0] | range }}</small></td>
{% endfor %}</tr>
{% for row in maps.changes %}
<tr><td>{{ row.title }}<small>{{ row.note }}</small></td>
{% for svg in row.maps %}<td>{{ svg | safe }}</td>{% endfor %}</tr>
{% endfor %}
</table></div>
<p class="soft">{{ maps.electrodes }} electrodes at their template (10-05) places, seen from above, nose up. First row:
mean log10 µV²/Hz, each band on the scale below it {{ draw.colours(gradients.power) }}.
{% if maps.changes %}
Other rows: trials of each emotion less {{ maps.against }}, {{ '−%.1f' % maps.limit_db }} dB
{{ draw.colours(gradients.change) }} +{{ '%.1f' % maps.limit_db }} dB.
{% elif trials %}
There is too little rest to compare trials with.
{% endif %}
Bad channels are left out second by second. No test of significance is made.</p>
</section>
{% endif %}

{% if spectrum %}
<section id="spectrogram">
<h2>Spectrogram</h2>
{{ draw.chart(spectrum) }}
<p class="soft">Mean over good channels; the scale names the edges of the bands. Dark to light
{{ draw.colours(gradients.power) }} is {{ spectrum_range }}.</p>
</section>
{% endif %}
"""

_TRIALS = """
{% if trials %}
<section id="trials">
<h2>{{ 'Self-report against prediction' if reported else 'Trials and predictions' }}</h2>
<div class="scroll"><table>
<tr><th>trial</th><th>start</th><th class="left">stimulus</th>
{% if reported %}<th class="left">reported</th>{% for name in scales %}<th>{{ name }}</th>{% endfor %}{% endif %}
<th class="left">model says</th>{% if both %}<th class="left">EEG alone</th><th class="left">face alone</th>{% endif %}
<th>confidence</th>{% if has_video %}<th>moves</th>{% endif %}</tr>
{% for t in trials %}
<tr><td>{{ t.number }}</td>
<td>{% if overview %}{{ draw.moment(t.start_s, t.end_s, t.start_s | clock0) }}
{% else %}{{ t.start_s | clock0 }}{% endif %}</td>
<td class="left">{{ t.emotion or '–' }}{% if t.stimulus %}
<small class="soft">{{ t.stimulus }}</small>{% endif %}</td>
{% if reported %}
<td class="left">{{ t.felt or '–' }}</td>{% for name in scales %}<td>{{ t.said | scale(name) }}</td>{% endfor %}
{% endif %}
{% for view in (('fused', 'eeg', 'face') if both else ('fused',)) %}{% set answer = t.answers.get(view) %}
<td class="left">{% if answer %}{{ answer.name }} {{ '%.2f' % answer.probability }} {{ t | verdict(view) }}
{% else %}–{% endif %}</td>
{% endfor %}
<td>{{ '%.2f' % t.confidence if t.confidence == t.confidence else '–' }}</td>
{% if has_video %}<td>{{ t.movements | length }}</td>{% endif %}</tr>
{% endfor %}
</table></div>
<p class="soft">An answer is the mean of the probabilities over the trial without its first {{ '%g' % settle_s }} s,
which rest mostly on what was before; where a movement was used, of those with it. ✓ and ✗ compare with the
stimulus.</p>
{% if agreement %}
<h3>Agreement</h3>
<div class="scroll"><table>
<tr><th>compared</th><th>agree</th><th>of</th><th>guessing</th><th>as many or more by luck</th></tr>
{% for row in agreement %}
<tr><td>{{ row.title }}</td><td>{{ row.right }}</td><td>{{ row.total }}</td>
<td>{{ '%.1f' % row.guessed if row.guessed == row.guessed else '–' }}</td>
<td>{{ row.p | p if row.p == row.p else '–' }}</td></tr>
{% endfor %}
</table></div>
{% endif %}
{% if heat %}
<h3>Probabilities of each trial</h3>
<div class="scroll"><table class="heat">
<tr><th>trial</th>{% for name in classes %}<th>{{ name }}</th>{% endfor %}</tr>
{% for t in heat %}
<tr><td>{{ t.number }} {{ t.emotion }}</td>
{% for name in classes %}{% set share = t.answers['fused'].probabilities[loop.index0] %}
<td class="cell{{ ' answer' if name == t.answers['fused'].name }}"
 style="background:rgba(var(--heat), {{ '%.2f' % (0.42 * share) }})">{{ '%.2f' % share }}
{%- if name | lower == t.emotion | lower %}<span title="stimulus"> ●</span>{% endif %}
{%- if t.felt and name | lower == t.felt | lower %}<span title="reported"> ▲</span>{% endif %}</td>
{% endfor %}</tr>
{% endfor %}
</table></div>
<p class="soft">● the emotion of the stimulus{% if reported %}, ▲ what the participant reported{% endif %}; a frame is
the model's answer.</p>
{% endif %}
</section>
{% endif %}

{% if truth %}
<section id="truth">
<h2>Against the simulator's truth</h2>
{{ draw.facts(truth) }}
<p class="soft">Only a simulation knows the truth; these figures are about it alone.</p>
</section>
{% endif %}
"""

_QUALITY = """
<section id="quality">
<h2>Signal quality and artefacts</h2>
{{ draw.facts(artefacts) }}
{% if signals %}{{ draw.chart(signals) }}{% endif %}
{% if worst %}
<div class="pair"><div>
<h3>Bad channels</h3>
<table><tr><th>channel</th><th class="left">share of time bad</th><th class="left">why</th></tr>
{% for row in worst %}
<tr><td>{{ row.name }}</td><td class="left"><span class="meter"><i style="width:{{ '%.1f' % (100 * row.share) }}%"></i>
</span>{{ row.share | share }}</td><td class="wrap">{{ row.why }}</td></tr>
{% endfor %}
</table>
<p class="soft">{{ rest_of_channels }}</p></div>
{% if bad_map %}
<div class="map">{{ bad_map | safe }}<p class="soft">share bad: 0 {{ draw.colours(gradients.bad) }} 1</p></div>
{% endif %}
</div>
{% elif bad_known %}
<p>No channel was bad for a second.</p>
{% endif %}
</section>

<section id="link">
<h2>Streams and synchrony</h2>
{{ draw.facts(link) }}
{% if as_live %}<h3>Agreement with the live run</h3><p>{{ as_live }}</p>{% endif %}
</section>
"""

_END = """
{% if notes or remarks %}
<section id="notes">
<h2>Notes</h2>
{% if notes %}<ul>{% for line in notes %}<li>{{ line }}</li>{% endfor %}</ul>{% endif %}
{% if remarks %}
<details{% if remarks | length <= 12 %} open{% endif %}><summary>Noted or marked during the session</summary>
<ul>{% for line in remarks %}<li>{{ line }}</li>{% endfor %}</ul></details>
{% endif %}
</section>
{% endif %}

<section id="cautions">
<h2>What the numbers do not mean</h2>
<ul>{% for line in cautions %}<li>{{ line }}</li>{% endfor %}</ul>
</section>

<section id="method">
<h2>How it was computed</h2>
<p>{{ method }}</p>
{{ draw.facts(computed) }}
{% if options %}<details><summary>Options</summary>{{ draw.facts(options) }}</details>{% endif %}
<p class="soft">The tables behind every figure lie in the same folder, as Parquet and CSV.
{% if faces and pictured %}<b>This file holds pictures of a face</b>: keep it as you keep the video; 'emostream report
--no-faces' writes it without.{% endif %}</p>
</section>
</main>
{% if values %}<script type="application/json" id="values">{{ values | safe }}</script>{% endif %}
<script>{{ script | safe }}</script>
</body>
</html>
"""

PAGE = _HEAD + _TIMELINE + _MOVEMENTS + _EEG + _TRIALS + _QUALITY + _END
