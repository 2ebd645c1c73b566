// Writes docs/limits.md: every limit of the product. Settings come from the table in src/config.ts; the
// values of constants are read from the source, so that neither can say another number than the code.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { NUMBERS } from '../src/settings.ts'
import { LIMIT_NAMES, SETTING_OF, floorOf, ownersNameOf } from '../src/core/limits.ts'
import { CONSTANTS, PAST_SETTING } from './limits-table.ts'
import { GENERATED, grouped, shownDefault, table } from './page.ts'

const ROOT = path.join(path.dirname(fileURLToPath(import.meta.url)), '..')

export function limitsPage(): string {
  return `# Limits

${GENERATED}

Everything here is bounded; a caller who passes a bound gets the error beside it (\`docs/errors.md\`), and
nobody else notices. Sizes are in bytes, times in milliseconds.

## A call's own

The operator sets each default and ceiling (\`docs/configuration.md\`); an executable's owner sets its own
value with \`PUT /api/executables/:id/limits\` and the admin key, as \`{"run_timeout_ms": 30000}\`. A value past
the ceiling or below the floor is refused with \`LIMIT_OUT_OF_RANGE\`. The PUT replaces all; what it leaves
out, or gives as null, has the default. \`GET\` of the same address tells what holds. A ceiling that the
operator lowers later cuts what owners set before.

${table(['Limit', 'Default', 'Floor', 'Ceiling', 'Unit', 'Past it', 'Default and ceiling set by'], callRows())}

## The server's

Set by the operator, for all executables together or each alike.

${table(['Setting', 'Default', 'Allowed', 'Unit', 'Bounds', 'Past it'], settingRows())}

## In the code

Bounds that nobody needs to move; changing one is a change of the code.

${table(['Constant', 'Value', 'Unit', 'Bounds', 'Past it', 'Where'], constantRows())}
`
}

function callRows(): string[][] {
  return LIMIT_NAMES.map((name) => {
    const setting = SETTING_OF[name]
    const ceiling = `${setting}_MAX` as const
    return [
      `\`${ownersNameOf(name)}\``,
      ofCall(setting),
      grouped(floorOf(name)),
      ofCall(ceiling),
      NUMBERS[setting].unit,
      PAST_SETTING[setting] ?? '',
      `\`${setting}\`, \`${ceiling}\``,
    ]
  })
}

/** For these two 0 is how an operator says so. */
function ofCall(name: keyof typeof NUMBERS): string {
  return name === 'CONCURRENCY' || name === 'CONCURRENCY_MAX'
    ? 'half the threads'
    : shownDefault(name)
}

/** Settings that bound something and that no executable has for itself. */
/** Numbers that bound nothing. */
const NO_LIMITS: readonly string[] = ['PORT', 'WORKERS']

export function serverSettings(): (keyof typeof NUMBERS)[] {
  const ofCalls = new Set<string>(
    Object.values(SETTING_OF).flatMap((setting) => [setting, `${setting}_MAX`]),
  )
  const names = Object.keys(NUMBERS) as (keyof typeof NUMBERS)[]
  return names.filter((name) => !NO_LIMITS.includes(name) && !ofCalls.has(name))
}

function settingRows(): string[][] {
  return serverSettings().map((name) => {
    const { range, unit, about } = NUMBERS[name]
    const [least, most] = range ?? [0, 0]
    const allowed = `${grouped(least)} to ${grouped(most)}`
    return [`\`${name}\``, shownDefault(name), allowed, unit, about, PAST_SETTING[name] ?? '']
  })
}

function constantRows(): string[][] {
  return CONSTANTS.map(({ file, name, unit, bounds, past }) => [
    `\`${name}\``,
    grouped(readConstant(file, name)),
    unit,
    bounds,
    past,
    `\`${file}\``,
  ])
}

/** The value that the source gives a constant: a product or shift of whole numbers, or a Duration. */
export function readConstant(file: string, name: string): number {
  const source = readFileSync(path.join(ROOT, file), 'utf8')
  const found = new RegExp(`\\bconst ${name}(?:: \\w+)? = ([^;\\n]+)`).exec(source)?.[1]
  if (found === undefined) throw new Error(`${file} has no constant ${name}.`)
  const expression = /^Duration::from_millis\((.*)\)$/.exec(found)?.[1] ?? found
  const [first = '', ...rest] = expression.split(/ (\*|<<|\/) /)
  let value = operand(file, first)
  for (let at = 0; at < rest.length; at += 2) {
    const right = operand(file, rest[at + 1] ?? '')
    value = rest[at] === '*' ? value * right : rest[at] === '/' ? value / right : value * 2 ** right
  }
  return value
}

function operand(file: string, text: string): number {
  const value = Number(text.replaceAll('_', ''))
  return Number.isFinite(value) ? value : readConstant(file, text)
}
