// A real function: a picture of 640 by 480 pixels is made small.
import { gradientPng } from '../../test/helpers/picture.ts'
import { compareRoutes } from './routes.ts'
import type { Workload } from '../workload.ts'

export const thumbnail: Workload = {
  name: 'thumbnail',
  summary: 'A PNG of 640 × 480 in, one of 160 × 120 out (examples-rust/thumbnail).',
  run: (bench) =>
    compareRoutes(bench, {
      guest: 'thumbnail',
      fn: 'thumbnail',
      text: false,
      input: gradientPng(640, 480),
      yardsticks: ['node', 'warm'],
      options: { connections: 4 },
    }),
}
