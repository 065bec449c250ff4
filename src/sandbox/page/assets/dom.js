/** Makes an element. Text children become text nodes, so nothing in them is ever read as HTML. */
export function make(tag, className = '', ...children) {
  const element = document.createElement(tag)
  if (className) element.className = className
  element.append(...children.filter((child) => child !== null))
  return element
}

/** Sets properties on an element and returns it. */
export function set(element, properties) {
  return Object.assign(element, properties)
}
