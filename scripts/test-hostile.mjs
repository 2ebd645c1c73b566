// `npm run test:hostile -- 20`: the suite of hostile guests so many times in a row, once by default.
// It must pass every time; the first failure ends it.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'

const times = Number(process.argv[2] ?? 1)
if (!Number.isInteger(times) || times < 1) {
  console.error('usage: npm run test:hostile -- [how many times]')
  process.exit(2)
}
const files = readdirSync('test').filter((name) => /^hostile-.*\.test\.ts$/.test(name))
const args = ['--import', 'tsx', '--test', '--test-concurrency=2', '--test-reporter=dot']

for (let time = 1; time <= times; time++) {
  const begun = Date.now()
  const { status } = spawnSync(
    process.execPath,
    [...args, ...files.sort().map((name) => `test/${name}`)],
    { stdio: 'inherit' },
  )
  if (status !== 0) {
    console.error(`\nThe hostile suite failed at time ${time} of ${times}.`)
    process.exit(1)
  }
  console.log(`\npassed ${time} of ${times} in ${Math.round((Date.now() - begun) / 1000)} s`)
}
