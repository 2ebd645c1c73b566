// What this tab knows and no address ever holds: the API token, and the admin keys of what it uploaded.
// Session storage ends with the tab, and no other origin reads it.

const TOKEN = 'wasmhook.token'

export const session = {
  token: (): string | undefined => read(TOKEN),
  signIn: (token: string): void => write(TOKEN, token),
  forgetToken: (): void => sessionStorage.removeItem(TOKEN),
  signOut: (): void => sessionStorage.clear(),
  adminKey: (id: number): string | undefined => read(keyName(id)),
  keepAdminKey: (id: number, key: string): void => write(keyName(id), key),
  forgetAdminKey: (id: number): void => sessionStorage.removeItem(keyName(id)),
}

function keyName(id: number): string {
  return `wasmhook.admin-key.${id}`
}

function read(name: string): string | undefined {
  return sessionStorage.getItem(name) ?? undefined
}

function write(name: string, value: string): void {
  sessionStorage.setItem(name, value)
}
