'use strict';

(() => {
  const board = document.getElementById('board');
  const base = `/w/${encodeURIComponent(board.dataset.workspace)}`;
  const days = document.getElementById('days');
  const user = document.getElementById('user');
  const format = new Intl.NumberFormat();
  const { element } = live;
  live.remember(days, 'days');
  live.remember(user, 'user');

  let feed = null;
  const charts = new Map();

  const colour = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();
  const noon = (day) => Date.parse(`${day}T12:00:00Z`) / 1000;
  const people = () => feed.users.filter((u) => !user.value || u.id === user.value);

  function table(section, channel) {
    const made = section.querySelector('.scroll table');
    const all = people();
    const head = element('thead');
    const names = element('tr');
    const day = element('th', '', 'Day');
    day.scope = 'col';
    names.append(day);
    if (all.length > 1) {
      const th = element('th', 'sum', 'All');
      th.scope = 'col';
      names.append(th);
    }
    for (const u of all) {
      const th = element('th');
      th.scope = 'col';
      th.append(element('span', `dot u${u.colour}`), u.name);
      names.append(th);
    }
    head.append(names);
    const body = element('tbody');
    for (let i = feed.days.length - 1; i >= 0; i--) {
      const row = element('tr');
      row.dataset.day = feed.days[i];
      const th = element('th', '', feed.days[i]);
      th.scope = 'row';
      row.append(th);
      if (all.length > 1) {
        row.append(element('td', 'sum', format.format(all.reduce((sum, u) => sum + u[channel][i], 0))));
      }
      for (const u of all) {
        const n = u[channel][i];
        const td = element('td', n ? '' : 'none', format.format(n));
        td.dataset.user = u.id;
        row.append(td);
      }
      body.append(row);
    }
    const foot = element('tfoot');
    const sums = element('tr');
    const th = element('th', '', 'Sum');
    th.scope = 'row';
    sums.append(th);
    const sumOf = (u) => u[channel].reduce((a, b) => a + b, 0);
    const total = all.reduce((sum, u) => sum + sumOf(u), 0);
    if (all.length > 1) sums.append(element('td', 'sum', format.format(total)));
    for (const u of all) {
      const td = element('td', '', format.format(sumOf(u)));
      td.dataset.user = u.id;
      sums.append(td);
    }
    foot.append(sums);
    made.replaceChildren(head, body, foot);
    return total;
  }

  // stacked gives each user's numbers on top of those before, and what is on top drawn first.
  function stacked(channel) {
    const all = people();
    const below = feed.days.map(() => 0);
    const layers = all.map((u) => u[channel].map((n, i) => (below[i] += n)));
    return [feed.days.map(noon), ...layers.reverse()];
  }

  function chart(section, channel) {
    const place = section.querySelector('.chart');
    const all = people().reverse();
    const width = Math.max(280, place.clientWidth);
    const key = JSON.stringify([all.map((u) => [u.id, u.name]), feed.days.length, colour('--text'), width]);
    const held = charts.get(channel);
    if (held && held.key === key) {
      held.plot.setData(stacked(channel));
      return;
    }
    if (held) held.plot.destroy();
    const axis = {
      stroke: colour('--quiet'), font: '12px system-ui, sans-serif',
      grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false },
    };
    const plot = new uPlot({
      width, height: 280, padding: [12, 20, 0, 0],
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1e3), 'Etc/UTC'),
      scales: { x: { time: true, range: (_, low, high) => [low - 43200, high + 43200] }, y: { range: (_, low, high) => [0, Math.max(4, high * 1.1)] } },
      cursor: { points: { show: false }, drag: { x: false, y: false }, y: false },
      legend: { live: true },
      axes: [
        { ...axis, size: 30, space: 64, grid: { show: false }, values: (_, at) => at.map((s) => new Date(s * 1e3).toLocaleDateString(undefined, { day: 'numeric', month: 'short', timeZone: 'UTC' })) },
        { ...axis, size: 44, incrs: [1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 5000, 10000] },
      ],
      series: [
        { label: 'Day', value: (_, s) => (s == null ? '–' : new Date(s * 1e3).toISOString().slice(0, 10)) },
        ...all.map((u) => ({
          label: u.name, fill: colour(`--c${u.colour}`), width: 0, points: { show: false },
          paths: uPlot.paths.bars({ size: [0.72, 40], radius: 0.15 }),
          value: (_, __, ___, i) => {
            const now = feed.users.find((one) => one.id === u.id);
            return i == null || !now ? '–' : format.format(now[channel][i]);
          },
        })),
      ],
    }, stacked(channel), place);
    // Drawn from the top of the stack down, listed from the bottom up, as in the table.
    plot.root.querySelectorAll('.u-series').forEach((row, i, rows) => {
      row.style.order = i === 0 ? 0 : rows.length - i;
    });
    charts.set(channel, { key, plot });
  }

  function draw() {
    if (!feed) return;
    for (const section of board.querySelectorAll('.channel')) {
      const channel = section.dataset.channel;
      const total = table(section, channel);
      chart(section, channel);
      document.getElementById(`sum-${channel}`).textContent = format.format(total);
    }
    document.getElementById('sum-ever').textContent = format.format(feed.ever);
    document.getElementById('sum-events').textContent = format.format(feed.events);
  }

  async function refresh() {
    feed = await live.json(`${base}/dashboard.json?days=${days.value}`);
    draw();
  }

  days.addEventListener('change', refresh);
  user.addEventListener('change', draw);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  let waiting = 0;
  addEventListener('resize', () => {
    clearTimeout(waiting);
    waiting = setTimeout(draw, 150);
  });
  live.follow(`${base}/changes`, refresh);
})();
