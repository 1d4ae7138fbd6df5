//! What turns tables into types.

/// `Name "id" { Variant number "name", ... }`
macro_rules! enumerations {
    ($($name:ident $id:literal { $($variant:ident $number:literal $text:literal,)* })*) => {$(
        #[doc = concat!("`", $id, "`.")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $(#[doc = concat!("`", $text, "`.")] $variant = $number,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its name in Slice.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The one with a name in Slice.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|found| found.name() == name)
            }
        }

        impl $crate::typed::Kind for $name {
            type Input<'a> = Self;
            type View<'v> = Self;

            fn value(input: Self) -> $crate::value::Value {
                $crate::value::Value::Enum(input as i32)
            }

            fn view(value: &$crate::value::Value) -> $crate::Result<Self> {
                match value {
                    $($crate::value::Value::Enum($number) => Ok(Self::$variant),)*
                    other => Err($crate::Error::value($id, other.kind())),
                }
            }
        }
    )*};
}

/// `NAME type "id" value {}`
macro_rules! constants {
    ($($name:ident $type:ident $id:literal $value:literal {})*) => {$(
        #[doc = concat!("`", $id, "`.")]
        pub const $name: $crate::typed::macros::constant_type!($type) = $value;
    )*};
}

/// The type that a constant of a type of Slice has.
macro_rules! constant_type {
    (int) => {
        i32
    };
    (string) => {
        &str
    };
}

/// `Name number "id" { FIELD position Kind, ... }`
macro_rules! structures {
    ($($name:ident $number:literal $id:literal { $($field:ident $from_end:literal $kind:ty,)* })*) => {$(
        $crate::typed::macros::members!($name $number $id { $($field $from_end $kind,)* });
    )*};
}

/// `Name number "id" (Base, ...) { FIELD position Kind, ... }`
macro_rules! exceptions {
    ($(
        $name:ident $number:literal $id:literal ($($base:ty),*)
        { $($field:ident $from_end:literal $kind:ty,)* }
    )*) => {$(
        $crate::typed::macros::members!($name $number $id { $($field $from_end $kind,)* });
        $(impl $crate::typed::Inherits<$base> for $name {})*
    )*};
}

/// `Name number "id" (Base, ...) { FIELD position Kind, ... }`
macro_rules! classes {
    ($(
        $name:ident $number:literal $id:literal ($($base:ty),*)
        { $($field:ident $from_end:literal $kind:ty,)* }
    )*) => {$(
        $crate::typed::macros::members!($name $number $id { $($field $from_end $kind,)* });
        impl $crate::typed::Inherits<$crate::typed::AnyObject> for $name {}
        $(impl $crate::typed::Inherits<$base> for $name {})*

        impl $crate::typed::Class for $name {
            const TYPE_ID: &'static str = $id;

            fn is_base_of(class: u32) -> bool {
                $crate::omero::schema().is_derived(class, $number)
            }
        }
    )*};
}

/// A type with its members.
macro_rules! members {
    ($name:ident $number:literal $id:literal { $($field:ident $from_end:literal $kind:ty,)* }) => {
        #[doc = concat!("`", $id, "`.")]
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        impl $name {
            $(
                #[doc = concat!("A member of `", $id, "`.")]
                pub const $field: $crate::typed::Field<Self, $kind> = $crate::typed::Field::new($from_end);
            )*
        }

        impl $crate::typed::Members for $name {
            const TYPE_ID: &'static str = $id;
            const NUMBER: u32 = $number;

            fn schema() -> &'static $crate::schema::Schema {
                $crate::omero::schema()
            }
        }

        impl $crate::typed::Inherits<$name> for $name {}
    };
}

/// `Name "id" { CONSTANT function "name"(parameter: Kind, ...) -> Kind; ... }`
macro_rules! interfaces {
    ($(
        $name:ident $id:literal
        { $($constant:ident $call:ident $text:literal($($parameter:ident: $kind:ty),*) -> $result:ty;)* }
    )*) => {$(
        #[doc = concat!("`", $id, "`.")]
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        impl $crate::typed::Interface for $name {
            const TYPE_ID: &'static str = $id;
        }

        impl $name {
            $(
                #[doc = concat!("Operation `", $text, "`.")]
                pub const $constant: $crate::typed::Op<($($kind,)*), $result> =
                    $crate::typed::Op::new($id, $text, $crate::omero::schema);

                #[doc = concat!("A call of `", $text, "`.")]
                pub fn $call(
                    $($parameter: <$kind as $crate::typed::Kind>::Input<'_>),*
                ) -> $crate::typed::Invocation<$result> {
                    Self::$constant.call(($($parameter,)*))
                }
            )*
        }
    )*};
}

pub(crate) use {
    classes, constant_type, constants, enumerations, exceptions, interfaces, members, structures,
};
