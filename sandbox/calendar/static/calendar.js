'use strict';

(() => {
  const root = document.getElementById('calendar');
  const base = `/w/${encodeURIComponent(root.dataset.workspace)}`;
  const user = document.getElementById('user');
  const shown = document.getElementById('shown');
  const details = document.getElementById('details');
  const { element } = live;
  live.remember(user, 'user');

  const clock = (wall) => wall.slice(11, 16);

  function classesOf(e) {
    const names = [`u${e.colour}`];
    if (e.status === 'cancelled') names.push('is-cancelled');
    if (e.visibility === 'busy') names.push('is-busy');
    if (e.outcome) names.push(`is-${e.outcome.replace('_', '-')}`);
    return names;
  }

  function drawn(e) {
    return {
      id: e.id, title: e.title || 'No title', start: e.start, end: e.end, allDay: e.all_day,
      classNames: classesOf(e), extendedProps: e,
    };
  }

  function content(info) {
    const e = info.event.extendedProps;
    const title = element('span', 'event-title', info.event.title);
    const nodes = [];
    if (!e.all_day) nodes.push(element('time', 'event-time', clock(e.start)));
    nodes.push(title);
    const names = (e.attendees || []).map((a) => a.name).join(', ');
    if (names && !e.all_day && !info.view.type.startsWith('dayGrid')) nodes.push(element('span', 'event-people', names));
    return { domNodes: nodes };
  }

  function span(e) {
    if (e.all_day) {
      const last = new Date(`${e.end}T12:00:00Z`);
      last.setUTCDate(last.getUTCDate() - 1);
      const lastDay = last.toISOString().slice(0, 10);
      return lastDay === e.start ? `${e.start}, all day` : `${e.start} to ${lastDay}, all day`;
    }
    const sameDay = e.start.slice(0, 10) === e.end.slice(0, 10);
    return `${e.start.slice(0, 10)}, ${clock(e.start)} – ${sameDay ? '' : `${e.end.slice(0, 10)}, `}${clock(e.end)}`;
  }

  function person(a) {
    const item = element('li');
    item.append(element('strong', '', a.name));
    if (a.phone) {
      const call = element('a', '', a.phone);
      call.href = `tel:${a.phone.replace(/[^+\d]/g, '')}`;
      item.append(call);
    }
    if (a.email) {
      const mail = element('a', '', a.email);
      mail.href = `mailto:${encodeURIComponent(a.email)}`;
      item.append(mail);
    }
    return item;
  }

  function open(e) {
    details.dataset.event = e.id;
    details.dataset.externalId = e.external_id;
    const title = document.getElementById('details-title');
    title.textContent = e.title || 'No title';
    title.classList.toggle('struck', e.status === 'cancelled');
    const badges = document.getElementById('details-badges');
    badges.replaceChildren(element('span', `badge ${e.status}`, e.status === 'cancelled' ? 'Cancelled' : 'Confirmed'));
    if (e.outcome) badges.append(element('span', `badge ${e.outcome}`, e.outcome === 'no_show' ? 'No-show' : 'Completed'));
    if (e.visibility === 'busy') badges.append(element('span', 'badge busy', 'Busy only'));
    const list = document.getElementById('details-list');
    list.replaceChildren();
    const row = (name, value) => {
      if (!value || (value.childElementCount === 0 && !value.textContent)) return;
      const cell = element('dd');
      cell.append(value);
      list.append(element('dt', '', name), cell);
    };
    row('When', span(e));
    if (e.time_zone) row('Set in', e.time_zone);
    row('With', e.owner);
    const people = element('ul', 'people');
    people.append(...(e.attendees || []).map(person));
    row('Customers', people);
    row('Where', e.location);
    if (e.conference_url) {
      const join = element('a', '', e.conference_url);
      join.href = e.conference_url;
      join.rel = 'noreferrer noopener';
      join.target = '_blank';
      row('Join', join);
    }
    if (e.description) row('Notes', element('div', 'notes', e.description));
    if (e.external_id) row('Reference', element('code', '', e.external_id));
    row('Changed', e.updated.replace('T', ', '));
    if (!details.open) details.showModal();
  }

  let latest = [];

  const views = { day: 'timeGridDay', week: 'timeGridWeek', month: 'dayGridMonth' };
  const asked = new URL(location.href).searchParams;

  const calendar = EventCalendar.create(root, {
    view: views[asked.get('view')] || (innerWidth < 720 ? views.day : views.week),
    date: /^\d{4}-\d\d-\d\d$/.test(asked.get('date')) ? asked.get('date') : root.dataset.today,
    // The server sends wall-clock times; the offset is for today's column and the line of now.
    timeZone: root.dataset.offset,
    firstDay: 1,
    editable: false,
    eventStartEditable: false,
    eventDurationEditable: false,
    nowIndicator: true,
    dayMaxEvents: true,
    flexibleSlotTimeLimits: true,
    slotMinTime: '07:00:00',
    slotMaxTime: '19:00:00',
    scrollTime: '07:30:00',
    slotLabelFormat: { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
    slotEventOverlap: false,
    views: { dayGridMonth: { height: '54rem' } },
    height: 'min(46rem, calc(100vh - 15rem))',
    headerToolbar: { start: 'prev,next today', center: 'title', end: 'timeGridDay,timeGridWeek,dayGridMonth' },
    buttonText: (t) => ({ ...t, today: 'Today', timeGridDay: 'Day', timeGridWeek: 'Week', dayGridMonth: 'Month' }),
    eventContent: content,
    eventClick: (info) => open(info.event.extendedProps),
    eventSources: [{
      events: async (range) => {
        const q = new URLSearchParams({ from: range.startStr.slice(0, 10), to: range.endStr.slice(0, 10) });
        if (user.value) q.set('user', user.value);
        const answer = await live.json(`${base}/calendar.json?${q}`);
        latest = answer.events;
        const n = latest.length;
        shown.textContent = `${answer.truncated ? 'The first ' : ''}${n} ${n === 1 ? 'event' : 'events'} in view`;
        shown.dataset.count = n;
        if (details.open) {
          const now = latest.find((e) => e.id === details.dataset.event);
          if (now) open(now);
        }
        return latest.map(drawn);
      },
    }],
  });

  // What people do by hand. Times are sent as the wall clock of the business shows them.
  const editor = document.getElementById('editor');
  const form = document.getElementById('editor-form');
  const fault = document.getElementById('editor-fault');
  let edited = null;

  const dayAfter = (day, n) => {
    const at = new Date(`${day}T12:00:00Z`);
    at.setUTCDate(at.getUTCDate() + n);
    return at.toISOString().slice(0, 10);
  };

  function showKind() {
    for (const label of form.querySelectorAll('.timed')) label.hidden = form.all_day.checked;
    for (const label of form.querySelectorAll('.day')) label.hidden = !form.all_day.checked;
  }

  function edit(e) {
    edited = e;
    fault.textContent = '';
    document.getElementById('editor-title').textContent = e ? 'Edit the event' : 'New event';
    form.reset();
    const day = e ? e.start.slice(0, 10) : root.dataset.today;
    form.start_day.value = day;
    form.end_day.value = e && e.all_day ? dayAfter(e.end, -1) : day;
    form.start_local.value = e && !e.all_day ? e.start.slice(0, 16) : `${day}T09:00`;
    form.end_local.value = e && !e.all_day ? e.end.slice(0, 16) : `${day}T09:30`;
    form.all_day.checked = Boolean(e && e.all_day);
    for (const name of ['title', 'location', 'description', 'status', 'owner_id']) {
      if (e) form[name].value = e[name] || '';
    }
    if (!e && user.value) form.owner_id.value = user.value;
    form.customer.closest('label').hidden = Boolean(e);
    showKind();
    details.close();
    editor.showModal();
  }

  async function send(method, path, body) {
    const answer = await fetch(`${base}/events${path}`, {
      method, headers: { 'Content-Type': 'application/json' }, body: body && JSON.stringify(body),
    });
    if (!answer.ok) throw new Error((await answer.json()).message);
  }

  form.addEventListener('submit', async (submit) => {
    submit.preventDefault();
    const body = {
      title: form.title.value, location: form.location.value, description: form.description.value,
      status: form.status.value, owner_id: form.owner_id.value,
    };
    if (form.all_day.checked) {
      body.start = { date: form.start_day.value };
      body.end = { date: dayAfter(form.end_day.value, 1) };
    } else {
      body.start_local = form.start_local.value;
      body.end_local = form.end_local.value;
    }
    if (!edited && form.customer.value) {
      body.attendees = [{ name: form.customer.value, email: form.customer.value }];
    }
    try {
      await send(edited ? 'PATCH' : 'POST', edited ? `/${edited.id}` : '', body);
      editor.close();
      calendar.refetchEvents();
    } catch (e) {
      fault.textContent = e.message;
    }
  });
  form.all_day.addEventListener('change', showKind);
  document.getElementById('new').addEventListener('click', () => edit(null));
  document.getElementById('edit').addEventListener('click', () => edit(latest.find((e) => e.id === details.dataset.event)));
  document.getElementById('delete').addEventListener('click', async () => {
    await send('DELETE', `/${details.dataset.event}`);
    details.close();
    calendar.refetchEvents();
  });

  user.addEventListener('change', () => calendar.refetchEvents());
  details.addEventListener('click', (click) => {
    if (click.target === details) details.close();
  });
  live.follow(`${base}/changes`, async () => calendar.refetchEvents());
})();
