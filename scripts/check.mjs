// `npm run check`: everything that must hold, in the order of cost. The same here and in CI.
import { spawnSync } from 'node:child_process'

const STEPS = [
  'typecheck',
  'lint',
  'lint:rust',
  'check:generated',
  'check:examples',
  'test:runtime',
  'test',
]

for (const step of STEPS) {
  console.log(`\n> ${step}`)
  const { status } = spawnSync('npm', ['run', '--silent', step], {
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
  if (status !== 0) {
    console.error(`\n${step} failed.`)
    process.exit(1)
  }
}
