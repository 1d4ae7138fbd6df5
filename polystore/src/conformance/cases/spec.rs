//! Recipes that open the backend again.

use crate::{
    BackendSpec, Error, VirtualBackendExt,
    conformance::{
        Case, CaseResult, Context, Need,
        expect::{holds, same},
    },
    open_spec,
};

pub(super) const CASES: &[Case] = &[
    Case { name: "spec/round_trip", needs: &[], run: round_trip },
    Case { name: "spec/opens_the_same_place", needs: &[Need::Plate], run: opens_the_same_place },
    Case { name: "spec/holds_no_secret", needs: &[], run: holds_no_secret },
    Case { name: "spec/names_are_shown", needs: &[], run: names_are_shown },
];

fn round_trip(cx: &Context<'_>) -> CaseResult {
    let spec = cx.backend().spec();
    let text = serde_json::to_string(&spec)
        .map_err(|error| Error::internal("a spec cannot be printed").with_source(error))?;
    let parsed: BackendSpec = serde_json::from_str(&text)
        .map_err(|error| Error::internal("a spec cannot be parsed").with_source(error))?;
    same("the spec through JSON", &parsed, &spec)?;
    same("the spec of what it opens", open_spec(&parsed)?.spec(), spec)
}

fn opens_the_same_place(cx: &Context<'_>) -> CaseResult {
    let plate = cx.plate()?;
    let again = open_spec(&cx.backend().spec())?;
    same("capabilities", again.capabilities(), cx.backend().capabilities())?;
    let found = again.plate(&plate.path)?;
    same("images", found.n_images(), plate.structure.n_images())?;
    for (request, plane) in plate.stored().into_iter().step_by(13) {
        same(&request.to_string(), again.read_plane(&request)?, plane)?;
    }
    Ok(())
}

fn holds_no_secret(cx: &Context<'_>) -> CaseResult {
    let spec = cx.backend().spec();
    let shown = format!("{spec} {spec:?} {} {:?}", cx.backend(), cx.backend());
    for secret in cx.subject().secrets() {
        holds(!shown.contains(&secret), "a secret is in the spec or in what is printed")?;
    }
    let options = spec.options.keys().chain(spec.layers.iter().flat_map(|l| l.options.keys()));
    for option in options {
        let is_secret = ["password", "secret", "token", "session", "credential"]
            .iter()
            .any(|word| option.to_lowercase().contains(word));
        holds(!is_secret, format_args!("option `{option}` of the spec looks like a secret"))?;
    }
    Ok(())
}

fn names_are_shown(cx: &Context<'_>) -> CaseResult {
    holds(!cx.backend().to_string().is_empty(), "the backend names itself")?;
    holds(!cx.backend().spec().scheme.is_empty(), "the spec has a scheme")
}
