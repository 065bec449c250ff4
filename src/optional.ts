// Packages that are used where they are installed, and are not dependencies.

/** Tells whether importing a package failed because the package is not installed. *Pure.* */
export function isNotInstalled(error: unknown, name: string): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false
  // A package that is there, and lacks one of its own, is another thing.
  return error.code === 'ERR_MODULE_NOT_FOUND' && error.message.includes(`'${name}'`)
}

/** Imports a package by its name. The compiler knows nothing of it, since it may not be there. */
export function importOptional(name: string): Promise<unknown> {
  return import(name)
}
