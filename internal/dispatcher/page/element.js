// element makes an element with properties and children; properties of style are set one by one, which the page's policy allows.
export function element(name, { style = {}, dataset = {}, ...properties } = {}, ...children) {
  const e = document.createElement(name);
  Object.assign(e, properties);
  Object.assign(e.dataset, dataset);
  for (const [property, value] of Object.entries(style)) e.style.setProperty(property, value);
  e.append(...children);
  return e;
}

// say changes a text only where it differs: a screen reader reads what is set, changed or not.
export function say(e, text) {
  if (e.textContent !== text) e.textContent = text;
}
