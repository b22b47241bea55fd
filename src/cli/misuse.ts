/** The command line itself is wrong: nothing was tried. Exit status 2. */
export class Misuse extends Error {
  readonly hint: string | undefined

  constructor(message: string, hint?: string) {
    super(message)
    this.name = 'Misuse'
    this.hint = hint
  }
}
