// The part of autocannon that the bench uses; it brings no types.
declare module 'autocannon' {
  interface Request {
    method: string
    path: string
    headers?: Readonly<Record<string, string>>
    body?: Buffer
    /** Asked before each request. */
    setupRequest?: (request: Request) => Request
  }
  interface Result {
    '2xx': number
    non2xx: number
    errors: number
    /** Seconds. */
    duration: number
    /** Milliseconds. */
    latency: { p50: number; p99: number }
  }
  export default function autocannon(options: {
    url: string
    connections: number
    duration: number
    timeout: number
    requests: Request[]
  }): Promise<Result>
}
