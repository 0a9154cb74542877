'use strict';

(() => {
  const list = document.getElementById('businesses');
  const format = new Intl.NumberFormat();

  function draw(workspaces) {
    for (const w of workspaces) {
      const card = list.querySelector(`[data-id="${CSS.escape(w.id)}"]`);
      if (!card) { location.reload(); return; } // a new business
      for (const name of ['events', 'touchpoints', 'users']) {
        const figure = card.querySelector(`[data-figure="${name}"]`);
        const text = format.format(w[name]);
        if (figure.textContent !== text) figure.textContent = text;
      }
    }
  }

  async function look() {
    try {
      draw((await live.json('/workspaces.json')).workspaces);
      live.state('on');
    } catch {
      live.state('off');
    }
    setTimeout(look, 2000);
  }
  look();
})();
