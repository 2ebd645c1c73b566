// A press is one: a second that comes with it would confirm what was only asked, or do again what was just done.

/** For a button: the second click of a double click is none. */
export const ONE_CLICK = {
  onClickCapture(event: MouseEvent): void {
    if (event.detail < 2) return
    event.preventDefault()
    event.stopImmediatePropagation()
  },
}

/** For a form, or what holds a button: Enter is pressed once, however long it is held. */
export const ONE_ENTER = {
  onKeyDown(event: KeyboardEvent): void {
    const held = event.repeat && event.key === 'Enter'
    if (held && !(event.target instanceof HTMLTextAreaElement)) event.preventDefault()
  },
}
