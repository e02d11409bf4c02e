//! `aldis schema`: the JSON Schema of documents, for editors.

use super::console::Console;
use super::failure::{Answer, Failure};

/// Prints the schema: indented as text, in one line as JSON.
pub(super) fn run(console: &mut Console) -> Result<Answer, Failure> {
    let schema = aldis_answer::schema();
    match console.is_json() {
        true => console.json(&schema)?,
        false => {
            let text = serde_json::to_string_pretty(&schema);
            console.line(text.map_err(|error| Failure::trouble(error.to_string()))?)?;
        }
    }
    Ok(Answer::Yes)
}
