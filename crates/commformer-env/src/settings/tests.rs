use super::*;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Colour {
    #[schemars(extend("former" = "crimson"))]
    DarkRed,
    /// As grass
    /// is.
    ///
    /// More of it.
    #[default]
    Green,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema, SmartDefault)]
#[serde(default, deny_unknown_fields)]
struct Paint {
    /// How many
    /// tins.
    #[default = 3]
    #[schemars(range(min = 1, max = 9), extend("former" = "tins"))]
    count: usize,
    #[default = 0.1]
    #[schemars(extend("exclusiveMinimum" = 0.0, "exclusiveMaximum" = 1.0))]
    share: f32,
    any: f64,
    #[schemars(range(min = 0.01, max = 0.8))]
    least: Option<f32>,
    colour: Colour,
    other: Option<Colour>,
    text: Option<String>,
    flag: bool,
    rows: Vec<Vec<i64>>,
    short: u32,
    #[serde(skip)]
    hidden: usize,
}

fn of(name: &str) -> &'static Setting {
    settings::<Paint>()
        .iter()
        .find(|setting| setting.name == name)
        .unwrap()
}

#[test]
fn a_setting_is_what_its_field_says() {
    let names: Vec<_> = settings::<Paint>()
        .iter()
        .map(|setting| setting.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "count", "share", "any", "least", "colour", "other", "text", "flag", "rows", "short"
        ]
    );
    let count = of("count");
    assert_eq!(count.about, "How many tins.");
    assert_eq!(
        (count.default.clone(), count.former.as_deref()),
        (Some(3.into()), Some("tins"))
    );
    assert_eq!(of("share").default.as_ref().map(shown), Some("0.1".into()));
    assert_eq!(of("least").default, None);
    let choice = |name: &str, about: &str, former: Option<&str>| Choice {
        name: name.into(),
        about: about.into(),
        former: former.map(Into::into),
    };
    let choices = vec![
        choice("dark-red", "", Some("crimson")),
        choice("green", "As grass is.", None),
    ];
    for name in ["colour", "other"] {
        assert_eq!(of(name).takes, Takes::Name(choices.clone()));
    }
}

#[test]
fn values_are_taken_or_refused_with_what_would_do() {
    let accept = |name: &str, value: Value| of(name).accept(value);
    let refused = |text: &str| Err(text.to_owned());
    assert_eq!(accept("count", 9.into()), Ok(9.into()));
    assert_eq!(accept("count", 9.0.into()), Ok(9.into()));
    assert_eq!(accept("count", 10.into()), refused("1 to 9"));
    assert_eq!(
        accept("count", 2.5.into()),
        refused("a whole number, 1 to 9")
    );
    assert_eq!(
        accept("share", 1.into()),
        refused("a number above 0 and below 1")
    );
    assert_eq!(
        accept("share", f64::NAN.into()),
        refused("a number above 0 and below 1")
    );
    assert_eq!(accept("share", "x".into()), refused("a number"));
    assert_eq!(accept("any", 3.into()), Ok(3.0.into()));
    assert_eq!(
        accept("any", f64::INFINITY.into()),
        refused("a finite number")
    );
    assert_eq!(accept("colour", "crimson".into()), Ok("dark-red".into()));
    assert_eq!(
        accept("other", "blue".into()),
        refused("one of `dark-red`, `green`")
    );
    assert_eq!(
        accept("other", 1.into()),
        refused("one of `dark-red`, `green`")
    );
    assert_eq!(accept("flag", 1.into()), refused("true or false"));
    let row = Value::Array(vec![Value::Array(vec![1.into()])]);
    assert_eq!(accept("rows", row.clone()), Ok(row));
    assert!(accept("rows", Value::Array(vec![1.into()])).is_err());
    // What its type cannot hold is out of range.
    assert_eq!(
        accept("short", 4_294_967_296_i64.into()),
        refused("0 to 4294967295")
    );
}

#[test]
fn examples_are_taken_and_read() {
    let table: toml::Table = settings::<Paint>()
        .iter()
        .map(|setting| (setting.name.clone(), setting.example()))
        .collect();
    for setting in settings::<Paint>() {
        assert_eq!(
            setting.accept(setting.example()),
            Ok(setting.example()),
            "{}",
            setting.name
        );
    }
    let read: Paint = table.try_into().unwrap();
    assert_eq!((read.count, read.other), (3, Some(Colour::DarkRed)));
}

#[test]
fn what_is_out_of_range_is_named_with_its_digits() {
    let refused = |edit: fn(&mut Paint)| {
        let mut paint = Paint::default();
        assert_eq!(check(&paint), Ok(()));
        edit(&mut paint);
        check(&paint).unwrap_err().to_string()
    };
    assert_eq!(
        refused(|paint| paint.count = 0),
        "`count` is 0, but must be 1 to 9"
    );
    assert_eq!(
        refused(|paint| paint.share = 1.1),
        "`share` is 1.1, but must be a number above 0 and below 1"
    );
    assert_eq!(
        refused(|paint| paint.any = f64::NAN),
        "`any` is NaN, but must be a finite number"
    );
    assert!(refused(|paint| paint.least = Some(f32::INFINITY)).contains("`least` is inf"));
    // In single precision the first lies below 0.01 and the second above 0.8.
    for bound in [0.01_f32, 0.8] {
        let paint = Paint {
            least: Some(bound),
            ..Paint::default()
        };
        assert_eq!(check(&paint), Ok(()));
    }
    assert!(refused(|paint| paint.least = Some(0.009_999)).contains("`least` is 0.009999"));
}

#[test]
fn links_are_told_without_their_targets() {
    for (text, plain) in [
        ("none", "none"),
        (
            "Its norm ([why](a.md#b)). [Two](c.md) links",
            "Its norm (why). Two links",
        ),
        (
            "rows, such as [[0, 1]], of [x](y)",
            "rows, such as [[0, 1]], of x",
        ),
        ("no link]( at all", "no link]( at all"),
        ("[cut](off", "[cut](off"),
    ] {
        assert_eq!(without_targets(text), plain);
    }
}
