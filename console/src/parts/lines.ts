// Texts of forms that say one thing on a line.

/** Those that say something. */
export function linesOf(text: string): string[] {
  return text.split('\n').filter((one) => one.trim() !== '')
}

/** Each line as what stands before its first `sign`, and after it. */
export function pairsOf(text: string, sign: ':' | '='): [name: string, value: string][] {
  return linesOf(text).map((one) => {
    const at = one.indexOf(sign)
    return at < 0 ? [one.trim(), ''] : [one.slice(0, at).trim(), one.slice(at + 1)]
  })
}

/** Headers, one on a line, as `Name: value`. */
export function headersOf(text: string): Record<string, string> {
  return Object.fromEntries(pairsOf(text, ':').map(([name, value]) => [name, value.trim()]))
}

/** The first line that is no header. */
export function badHeader(text: string): string | undefined {
  return linesOf(text).find((one) => !/^\s*[!#$%&'*+.^_`|~0-9A-Za-z-]+\s*:/.test(one))
}
