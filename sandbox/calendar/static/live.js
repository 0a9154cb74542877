'use strict';

// Shared by all pages: the business switch, fetching JSON, and knowing when to fetch again.
const live = (() => {
  const sign = document.getElementById('live');
  const words = { waiting: 'Connecting', on: 'Live', off: 'Reconnecting' };

  function state(name) {
    if (sign.dataset.state === name) return;
    sign.dataset.state = name;
    sign.textContent = words[name];
  }

  async function json(url) {
    const answer = await fetch(url, { headers: { Accept: 'application/json' } });
    if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
    return answer.json();
  }

  // follow calls refresh for every version a change feed names, never two at a time.
  function follow(url, refresh) {
    let busy = false;
    let again = false;
    async function run() {
      if (busy) { again = true; return; }
      busy = true;
      try {
        await refresh();
        state('on');
      } catch (problem) {
        console.warn(problem);
        state('off');
        again = true;
        await new Promise((wake) => setTimeout(wake, 2000));
      }
      busy = false;
      if (again) { again = false; run(); }
    }
    const feed = new EventSource(url);
    feed.onmessage = run;
    feed.onerror = () => state('off');
    return run;
  }

  const business = document.getElementById('switch');
  if (business) {
    business.addEventListener('change', () => {
      location.href = `/w/${encodeURIComponent(business.value)}/${business.dataset.page}`;
    });
  }

  // remember keeps a filter in the address, so that a reload shows the same.
  function remember(select, name) {
    const asked = new URL(location.href).searchParams.get(name);
    if (asked !== null && [...select.options].some((o) => o.value === asked)) select.value = asked;
    select.addEventListener('change', () => {
      const here = new URL(location.href);
      if (select.value) here.searchParams.set(name, select.value);
      else here.searchParams.delete(name);
      history.replaceState(null, '', here);
    });
  }

  function element(tag, className, text) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  return { json, follow, remember, element, state };
})();
