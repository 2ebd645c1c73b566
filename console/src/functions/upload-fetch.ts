// fetch() by XMLHttpRequest: browsers tell only there how much of a body has been sent.

/** `onSent` gets the share of the body that has left, 0 to 1. */
export function fetchWithProgress(onSent: (share: number) => void): typeof fetch {
  return (input, init = {}) =>
    new Promise((resolve, reject) => {
      const request = new XMLHttpRequest()
      request.open(init.method ?? 'GET', input instanceof Request ? input.url : input)
      new Headers(init.headers).forEach((value, name) => request.setRequestHeader(name, value))
      request.responseType = 'blob'
      request.upload.onprogress = ({ loaded, total }) => onSent(total === 0 ? 1 : loaded / total)
      request.onload = () => {
        const { status, statusText } = request
        const headers = readHeaders(request.getAllResponseHeaders())
        resolve(new Response(request.response as Blob, { status, statusText, headers }))
      }
      request.onerror = () => reject(new TypeError('The server could not be reached.'))
      request.onabort = () => reject(new DOMException('The upload was ended.', 'AbortError'))
      init.signal?.addEventListener('abort', () => request.abort())
      request.send(init.body as XMLHttpRequestBodyInit | null | undefined)
    })
}

function readHeaders(text: string): Headers {
  const headers = new Headers()
  for (const line of text.split('\r\n')) {
    const colon = line.indexOf(':')
    if (colon > 0) headers.append(line.slice(0, colon), line.slice(colon + 1).trim())
  }
  return headers
}
