"""The report's script: charts zoom together, and the pointer reads values. The page is whole without it."""

from __future__ import annotations

SCRIPT = """
"use strict";
(() => {
  const charts = [...document.querySelectorAll(".chart")];
  if (!charts.length) return;
  const store = document.getElementById("values");
  const values = store ? JSON.parse(store.textContent) : null;
  const whole = Number(charts[0].dataset.duration);
  const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];
  let from = 0, to = whole;

  const clock = (t, places) => {
    const scale = 10 ** places, units = Math.round(t * scale), s = Math.floor(units / scale);
    const two = (n) => String(n).padStart(2, "0");
    const minutes = Math.floor(s / 60), hours = Math.floor(minutes / 60);
    const tail = places ? "." + String(units % scale).padStart(places, "0") : "";
    return (hours ? hours + ":" + two(minutes % 60) : minutes) + ":" + two(s % 60) + tail;
  };
  const percent = (t) => 100 * (t - from) / (to - from);

  const ticks = (axis) => {
    const most = Math.max(3, Math.min(9, axis.clientWidth / 85));
    const step = steps.find((s) => (to - from) / s <= most) || steps[steps.length - 1];
    axis.replaceChildren();
    for (let k = Math.ceil(from / step - 1e-9); k * step <= to + 1e-9; k++) {
      const tick = document.createElement("i");
      tick.textContent = clock(k * step, step < 1 ? 1 : 0);
      tick.style.left = percent(k * step) + "%";
      if (percent(k * step) > 97) tick.className = "end";
      if (percent(k * step) > 2) tick.style.transform = percent(k * step) > 97 ? "" : "translateX(-50%)";
      axis.append(tick);
    }
  };

  const draw = () => {
    const box = `${from} 0 ${to - from} 100`;
    for (const svg of document.querySelectorAll(".plot > svg")) svg.setAttribute("viewBox", box);
    for (const label of document.querySelectorAll(".plot > .label")) {
      const a = Math.max(from, Number(label.dataset.a)), b = Math.min(to, Number(label.dataset.b));
      label.style.display = b > a ? "" : "none";
      label.style.left = percent(a) + "%";
      label.style.width = (percent(b) - percent(a)) + "%";
    }
    for (const mark of document.querySelectorAll(".plot > .mark")) {
      const at = Number(mark.dataset.t);
      mark.style.display = at >= from && at <= to ? "" : "none";
      mark.style.left = percent(at) + "%";
    }
    document.querySelectorAll(".time").forEach(ticks);
    for (const button of document.querySelectorAll("[data-whole]")) button.disabled = from <= 0 && to >= whole;
  };

  const show = (a, b) => {
    const span = Math.min(whole, Math.max(2, b - a));
    from = Math.max(0, Math.min(whole - span, (a + b - span) / 2));
    to = from + span;
    draw();
  };

  const nearest = (list, t) => {
    let low = 0, high = list.length - 1;
    while (high - low > 1) { const mid = (low + high) >> 1; if (list[mid] < t) low = mid; else high = mid; }
    return Math.abs(list[low] - t) <= Math.abs(list[high] - t) ? low : high;
  };

  const told = (t) => {
    const parts = [clock(t, 1)];
    if (!values) return parts.join("");
    const trial = values.trials.find((one) => t >= one[0] && t <= one[1]);
    if (trial) parts.push(trial[2]);
    const k = nearest(values.time_s, t);
    if (Math.abs(values.time_s[k] - t) <= Math.max(1.5, 0.004 * (to - from))) {
      for (const view of Object.keys(values.views)) {
        const row = values.views[view][k];
        if (row[0] === null) continue;
        const best = row.map((p, i) => [p, values.classes[i]]).sort((x, y) => y[0] - x[0]).slice(0, 2);
        parts.push(values.titles[view] + ": " + best.map((one) => one[1] + " " + one[0].toFixed(2)).join(", "));
      }
      if (values.confidence[k] !== null) parts.push("confidence " + values.confidence[k].toFixed(2));
    }
    const near = values.movements.filter((m) => Math.abs(m[0] - t) <= 0.006 * (to - from));
    if (near.length) parts.push(near.length > 2 ? near.length + " candidates" : near.map((m) => m[1]).join(", "));
    return parts.join("  ·  ");
  };

  const watch = (chart) => {
    const readout = chart.querySelector(".readout");
    const plots = [...chart.querySelectorAll(".plot")];
    const add = (plot, name) => {
      const one = document.createElement("div");
      one.className = name;
      plot.append(one);
      return one;
    };
    const hairs = plots.map((plot) => add(plot, "hair")), grips = plots.map((plot) => add(plot, "grip"));
    let start = null;
    const place = (event) => {
      const box = plots[0].getBoundingClientRect();
      return Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
    };
    for (const plot of plots) {
      plot.addEventListener("pointermove", (event) => {
        const x = place(event);
        for (const hair of hairs) { hair.style.display = "block"; hair.style.left = 100 * x + "%"; }
        if (readout) readout.textContent = told(from + x * (to - from));
        for (const grip of grips) {
          grip.style.display = start === null ? "none" : "block";
          if (start === null) continue;
          grip.style.left = 100 * Math.min(start, x) + "%";
          grip.style.width = 100 * Math.abs(x - start) + "%";
        }
      });
      plot.addEventListener("pointerdown", (event) => {
        if (event.button || event.target.closest("a")) return;
        start = place(event);
        if (event.pointerType === "mouse") event.preventDefault();
      });
      plot.addEventListener("dblclick", () => show(0, whole));
    }
    const drop = (event) => {
      if (start === null) return;
      const a = start, b = place(event);
      start = null;
      for (const grip of grips) grip.style.display = "none";
      if (event.type === "pointerup" && Math.abs(b - a) > 0.01) {
        const span = to - from, base = from;
        show(base + Math.min(a, b) * span, base + Math.max(a, b) * span);
      }
    };
    window.addEventListener("pointerup", drop);
    window.addEventListener("pointercancel", drop);
    chart.addEventListener("pointerleave", () => { for (const hair of hairs) hair.style.display = "none"; });
    const grow = (share) => show(from - share * (to - from), to + share * (to - from));
    const act = {
      in: () => grow(-0.25), out: () => grow(0.5), whole: () => show(0, whole),
      left: () => shift(-0.5), right: () => shift(0.5),
    };
    const shift = (share) => {
      const by = Math.max(-from, Math.min(whole - to, share * (to - from)));
      from += by; to += by; draw();
    };
    for (const button of chart.querySelectorAll("button")) button.addEventListener("click", act[button.dataset.act]);
    chart.classList.add("live");
  };

  charts.forEach(watch);
  for (const link of document.querySelectorAll("a[data-from]")) {
    link.addEventListener("click", () => {
      const a = Number(link.dataset.from), b = Number(link.dataset.to), room = 0.15 * (b - a);
      show(a - room, b + room);
    });
  }
  window.addEventListener("beforeprint", () => {
    for (const one of document.querySelectorAll("details")) one.open = true;
  });
  window.addEventListener("resize", () => document.querySelectorAll(".time").forEach(ticks));
  draw();
})();
"""
