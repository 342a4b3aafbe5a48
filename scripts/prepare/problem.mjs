/** Something that preparation cannot mend by itself; all of a run's problems are shown together. */
export class Problem extends Error {
  /**
   * @param {string} what what is wrong, with the value, and what is needed
   * @param {string} remedy a command or a short instruction
   */
  constructor(what, remedy) {
    super(what);
    this.remedy = remedy;
  }
}
