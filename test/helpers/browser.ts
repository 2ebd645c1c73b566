// A real browser for the console, which is built as it stands; where there is no browser its tests are left out.
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { before } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { build } from 'vite'
import { CHROMIUM, hasChromium, launchChromium } from '../../scripts/chromium.ts'
import { buildApp, suiteScope } from './build-app.ts'
import type { Extras, Scope, Settings, TestApp } from './build-app.ts'

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

/** Why such tests are left out, or false. CI has a browser, so that it leaves out none. */
export const NO_BROWSER =
  hasChromium || process.env.CI === 'true'
    ? false
    : `there is no browser at ${CHROMIUM}; CHROMIUM_PATH names another`

async function openBrowser(scope: Scope): Promise<Browser> {
  const browser = await launchChromium()
  scope.after(() => browser.close())
  return browser
}

/** The folder with the console, built of its sources. */
async function buildConsole(scope: Scope): Promise<string> {
  const outDir = await mkdtemp(path.join(tmpdir(), 'wasmhook-console-'))
  scope.after(() => rm(outDir, { recursive: true, force: true }))
  const root = fileURLToPath(new URL('../../console', import.meta.url))
  const configFile = path.join(root, 'vite.config.ts')
  await build({ root, configFile, logLevel: 'warn', build: { outDir, emptyOutDir: true } })
  return outDir
}

export interface OpenPage {
  page: Page
  /** What went wrong in it: exceptions, and what its policy refused. */
  faults: string[]
}

interface PageOptions {
  width?: number
  dark?: boolean
}

/** Of a suite: the console as it stands, servers that serve it, and pages of a browser, each in a session of its own. */
export function consoleSuite(defaults: Settings = {}) {
  const scope = suiteScope()
  let browser: Browser
  let consoleFolder: string

  before(async () => {
    consoleFolder = await buildConsole(scope)
    browser = await openBrowser(scope)
  })

  return {
    scope,
    folder: () => consoleFolder,
    serve: (settings: Settings = {}, extras: Extras = {}): Promise<TestApp> =>
      buildApp(scope, { ...defaults, ...settings }, { consoleFolder, ...extras }),
    openPage: (url: string, options?: PageOptions) => openPage(browser, url, options),
  }
}

async function openPage(
  browser: Browser,
  url: string,
  { width = 1100, dark = false }: PageOptions = {},
): Promise<OpenPage> {
  const context = await browser.newContext({
    viewport: { width, height: 800 },
    colorScheme: dark ? 'dark' : 'light',
    reducedMotion: 'reduce',
  })
  const page = await context.newPage()
  page.setDefaultTimeout(15_000)
  const faults: string[] = []
  page.on('pageerror', (error) => faults.push(String(error)))
  page.on('console', (message) => {
    if (/Content.Security.Policy/i.test(message.text())) faults.push(message.text())
  })
  await page.goto(url)
  return { page, faults }
}

export function press(page: Page, name: string | RegExp): Promise<void> {
  return page.getByRole('button', { name, exact: true }).click()
}

export async function signIn(page: Page, token: string): Promise<void> {
  await page.getByLabel('API token').fill(token)
  await press(page, 'Sign in')
}

/** What axe finds against the page as it stands, one line each. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(await readFile(AXE, 'utf8'))
  return page.evaluate<string[]>(`axe.run(document).then(({ violations }) =>
    violations.flatMap(({ id, nodes }) => nodes.map((node) => id + ': ' + node.html)))`)
}

/** How far the page is wider than its window. */
export function overflow(page: Page): Promise<number> {
  return page.evaluate<number>('document.documentElement.scrollWidth - innerWidth')
}

/** By keys alone: Tab until the control with that name has the focus. */
export async function tabTo(page: Page, name: RegExp): Promise<void> {
  // The text of a container is that of everything in it.
  const focused = `(() => { const one = document.activeElement
    if (!one.matches('a, button, input, textarea, select, summary, [role]')) return ''
    return (one.getAttribute('aria-label') ?? '') + ' ' + one.textContent + ' ' + (one.labels?.[0]?.textContent ?? '') })()`
  for (let presses = 0; presses < 40; presses++) {
    await page.keyboard.press('Tab')
    if (name.test(await page.evaluate<string>(focused))) return
  }
  assert.fail(`Tab does not reach ${String(name)}.`)
}
