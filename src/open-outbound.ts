// Outgoing requests as the configuration has them, and under which origins this server is itself reached.
import { ConfigError } from './config.ts'
import type { Config } from './config.ts'
import { createOutbound } from './outbound/outbound.ts'
import type { Outbound, OutboundOptions } from './outbound/outbound.ts'
import { VERSION } from './version.ts'

/**
 * @param ownOrigins those of this server, which is not known before it listens
 * @throws ConfigError for what OUTBOUND_ALLOW and OUTBOUND_PROXY may not hold, as only outbound knows
 */
export function openOutbound(
  config: Config,
  ownOrigins: () => readonly string[],
  resolve?: OutboundOptions['resolve'],
): Outbound {
  try {
    return createOutbound({
      allow: config.OUTBOUND_ALLOW,
      ownOrigins,
      userAgent: `Wasmhook/${VERSION}`,
      ...(config.OUTBOUND_PROXY === '' ? {} : { proxy: config.OUTBOUND_PROXY }),
      ...(resolve === undefined ? {} : { resolve }),
    })
  } catch (error) {
    throw new ConfigError((error as Error).message)
  }
}

export function originOn(config: Config, host: string, port: number): string {
  const scheme = config.TLS_CERT_FILE === '' ? 'http' : 'https'
  return new URL(`${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`).origin
}

/** Under which a server on that port calls itself. */
export function ownOriginsOf(config: Config, port: number): string[] {
  return [
    ...(config.PUBLIC_URL === '' ? [] : [new URL(config.PUBLIC_URL).origin]),
    originOn(config, config.HOST, port),
    // Who listens everywhere is reached by its own functions on loopback.
    ...(['0.0.0.0', '::'].includes(config.HOST) ? [originOn(config, '127.0.0.1', port)] : []),
  ]
}
