const [command, ...rest] = process.argv.slice(2)
const asksForHelp = rest.some((argument) => argument === '--help' || argument === '-h')

// An agent waits for `rutter mcp`: it must not load the command line, which brings a parser and tables for people.
if (command === 'mcp' && !asksForHelp) {
  const { startMcp } = await import('./start-mcp.ts')
  await startMcp(rest)
} else {
  const [{ runCommandLine }, { VERSION }] = await Promise.all([import('./cli/program.ts'), import('./version.ts')])
  await runCommandLine(process.argv.slice(2), {
    version: VERSION,
    async adapters() {
      const [{ grantsFor, keepTogether, openBook, openTeamStore }, { findPlace }, { bookLayout }] = await Promise.all([
        import('./wire.ts'),
        import('./log/place.ts'),
        import('./log/layout.ts'),
      ])
      return { openBook, openTeamStore, keepTogether, grantsFor, findPlace, layoutOf: bookLayout }
    },
  })
}
