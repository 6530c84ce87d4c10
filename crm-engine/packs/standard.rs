// The files of the standard pack, compiled into the engine.
&[
    ("pack.toml", include_str!("standard/pack.toml")),
    ("roles.toml", include_str!("standard/roles.toml")),
    ("company/object.toml", include_str!("standard/company/object.toml")),
    ("contact/object.toml", include_str!("standard/contact/object.toml")),
    ("deal/object.toml", include_str!("standard/deal/object.toml")),
    ("product/object.toml", include_str!("standard/product/object.toml")),
    ("task/object.toml", include_str!("standard/task/object.toml")),
]
