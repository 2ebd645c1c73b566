// Requests as the services sign them that sources are for, made by their own packages where there are any.
import { createHmac } from 'node:crypto'
import { sign as signGithub } from '@octokit/webhooks-methods'
import { Webhook } from 'standardwebhooks'
import Stripe from 'stripe'
import { Webhook as SvixWebhook } from 'svix'
import type { HookRequest } from '../../src/core/source-verification/hook-request.ts'
import type { SignedScheme } from '../../src/source-model.ts'

export interface Sender {
  scheme: SignedScheme
  /** Two of them, as an owner would paste them. */
  secrets: readonly [string, string]
  /** The id that the requests have. */
  eventId: string
  /** The name of the header that the signature is in. */
  header: string
  signsTime: boolean
  send: (secret: string, body: string, timestampS: number) => Promise<HookRequest>
}

const ID = 'msg_2b9f1c'

export function request(
  headers: Record<string, string>,
  body: string | Buffer,
  query = '',
): HookRequest {
  return { headers, query, body: Buffer.from(body) }
}

export const SENDERS: Readonly<Record<string, Sender>> = {
  'Standard Webhooks': {
    scheme: 'standard-webhooks',
    secrets: ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', Buffer.alloc(64, 7).toString('base64')],
    eventId: ID,
    header: 'webhook-signature',
    signsTime: true,
    send: (secret, body, timestampS) => {
      const signature = new Webhook(secret).sign(ID, new Date(timestampS * 1000), body)
      const names = {
        'webhook-id': ID,
        'webhook-timestamp': String(timestampS),
        'webhook-signature': signature,
      }
      return Promise.resolve(request(names, body))
    },
  },
  Svix: {
    scheme: 'standard-webhooks',
    secrets: [
      'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
      `whsec_${Buffer.alloc(24).toString('base64')}`,
    ],
    eventId: ID,
    header: 'svix-signature',
    signsTime: true,
    send: (secret, body, timestampS) => {
      const signature = new SvixWebhook(secret).sign(ID, new Date(timestampS * 1000), body)
      const names = {
        'svix-id': ID,
        'svix-timestamp': String(timestampS),
        'svix-signature': signature,
      }
      return Promise.resolve(request(names, body))
    },
  },
  Stripe: {
    scheme: 'stripe',
    secrets: ['whsec_4f8a0c1e9b', 'whsec_77d2e6a0b3'],
    eventId: 'evt_1',
    header: 'stripe-signature',
    signsTime: true,
    send: (secret, body, timestamp) => {
      const header = Stripe.webhooks.generateTestHeaderString({ payload: body, secret, timestamp })
      return Promise.resolve(request({ 'stripe-signature': header }, body))
    },
  },
  Slack: {
    scheme: 'slack',
    secrets: ['8f742231b10e8888abcd99yyyzzz85a5', '0123456789abcdef0123456789abcdef'],
    eventId: 'Ev1',
    header: 'x-slack-signature',
    signsTime: true,
    send: (secret, body, timestampS) => {
      const mac = createHmac('sha256', secret).update(`v0:${timestampS}:${body}`).digest('hex')
      const names = {
        'x-slack-request-timestamp': String(timestampS),
        'x-slack-signature': `v0=${mac}`,
      }
      return Promise.resolve(request(names, body))
    },
  },
  GitHub: {
    scheme: 'github',
    secrets: ["It's a Secret to Everybody", 'ein anderes Geheimnis, größer'],
    eventId: '72d3162e-cc78-11e3-81ab-4c9367dc0958',
    header: 'x-hub-signature-256',
    signsTime: false,
    send: async (secret, body) =>
      request(
        {
          'x-github-event': 'push',
          'x-github-delivery': '72d3162e-cc78-11e3-81ab-4c9367dc0958',
          'x-hub-signature-256': await signGithub(secret, body),
        },
        body,
      ),
  },
  Shopify: {
    scheme: 'shopify',
    secrets: ['shpss_1', 'shpss_2'],
    eventId: 'b54557e4-bdd9-4b37-8a5f-bf7d70bcd043',
    header: 'x-shopify-hmac-sha256',
    signsTime: false,
    send: (secret, body) => {
      const mac = createHmac('sha256', secret).update(body).digest('base64')
      const names = {
        'x-shopify-topic': 'orders/create',
        'x-shopify-event-id': '98880550-7158-44d4-b7cd-2c97c8a091b5',
        'x-shopify-webhook-id': 'b54557e4-bdd9-4b37-8a5f-bf7d70bcd043',
        'x-shopify-hmac-sha256': mac,
      }
      return Promise.resolve(request(names, body))
    },
  },
}
